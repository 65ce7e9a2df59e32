import { InvalidArgumentError } from 'commander';

const UNIT_MS = { s: 1000, m: 60_000, h: 3600_000, d: 24 * 3600_000 } as const;

/** `90s`, `10m`, `2h` as milliseconds, between a second and a day. */
export function duration(text: string): number {
  const [, digits, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (digits === undefined)
    throw new InvalidArgumentError('A duration is a number and s, m, h or d, such as 90s or 10m.');
  const ms = Number(digits) * UNIT_MS[unit as keyof typeof UNIT_MS];
  if (ms < 1000 || ms > UNIT_MS.d) throw new InvalidArgumentError('It must be between 1s and 1d.');
  return ms;
}

/** A whole number that is not negative. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number, 0 or more.');
  return Number(text);
}
