import type { ClawView, UsageReply } from '#protocol/api.ts';

/** 0.31 s, 12.4 s, 3 min 05 s */
export function seconds(ms: number): string {
  // By what is shown: a figure that rounds up to the next form is told in that.
  if (ms < 9_995) return `${(ms / 1000).toFixed(2)} s`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const whole = Math.round(ms / 1000);
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
}

/** 1234567 as 1 234 567, so that it does not depend on the machine's language. */
export function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ' ');
}

/** How long ago, in the largest unit that fits. */
export function ago(iso: string, nowMs: number = Date.now()): string {
  const s = Math.max(0, Math.round((nowMs - Date.parse(iso)) / 1000));
  if (s < 60) return `${s} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  return s < 86_400 ? `${Math.floor(s / 3600)} h ago` : `${Math.floor(s / 86_400)} d ago`;
}

/** `120 of 6 000`, or `120, no cap` */
export function capUse({ used, limit }: UsageReply['caps']['tokens']): string {
  return limit === null ? `${count(used)}, no cap` : `${count(used)} of ${count(limit)}`;
}

/** A Claw's caps in a few words. */
export function capsOf(claw: Pick<ClawView, 'requestsPerMinute' | 'tokensPerMinute'>): string {
  const parts = [
    claw.tokensPerMinute === null ? undefined : `${count(claw.tokensPerMinute)} tokens/min`,
    claw.requestsPerMinute === null ? undefined : `${count(claw.requestsPerMinute)} requests/min`,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? 'none' : parts.join(', ');
}

/** 512 B, 1.5 KiB, 3.0 MiB */
export function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(1)} ${units[unit]}`;
}

/** How long until then, in the largest unit that fits; `now` where that is past. */
export function until(iso: string, nowMs: number = Date.now()): string {
  const s = Math.round((Date.parse(iso) - nowMs) / 1000);
  if (s <= 0) return 'now';
  if (s < 60) return `${s} s`;
  return s < 3600 ? `${Math.floor(s / 60)} min` : `${Math.floor(s / 3600)} h`;
}
