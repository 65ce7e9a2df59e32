/** How people write spans of time and sizes of memory in claw.yaml, and the numbers of the wire. */
const MS = { ms: 1, s: 1000, m: 60_000, h: 3600_000, d: 24 * 3600_000 } as const;
const MIB = { MiB: 1, GiB: 1024 } as const;

/** A whole number and ms, s, m, h or d. */
export const DURATION = /^(\d{1,12})(ms|s|m|h|d)$/;
/** A whole number and MiB or GiB. */
export const SIZE = /^(\d{1,9})(MiB|GiB)$/;

/** `90s` as 90000; `undefined` for what is not of the form. */
export function msOf(text: string): number | undefined {
  const [, digits, unit] = DURATION.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits) * MS[unit as keyof typeof MS];
}

/** The shortest exact form: 600000 is `10m`, 1500 is `1500ms`. */
export function durationOf(ms: number): string {
  const units = Object.entries(MS).toReversed();
  const [unit, size] = units.find(([, each]) => ms !== 0 && ms % each === 0) ?? ['s', 1000];
  return `${ms / size}${unit}`;
}

/** `2GiB` as 2048; `undefined` for what is not of the form. */
export function mebibytesOf(text: string): number | undefined {
  const [, digits, unit] = SIZE.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits) * MIB[unit as keyof typeof MIB];
}

/** 2048 is `2GiB`, 1000 is `1000MiB`. */
export function sizeOf(mebibytes: number): string {
  return mebibytes > 0 && mebibytes % 1024 === 0 ? `${mebibytes / 1024}GiB` : `${mebibytes}MiB`;
}
