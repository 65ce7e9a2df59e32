import { msOf } from '#claw/units.ts';

/** A time as ISO 8601, or as long ago as `90m` says; Unix milliseconds, never before 1970: databases differ in how they write earlier years. */
export function sinceOf(text: string, nowMs: number): number {
  const agoMs = msOf(text);
  return Math.max(0, agoMs === undefined ? Date.parse(text) : nowMs - agoMs);
}
