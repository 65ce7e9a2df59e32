import { InvalidArgumentError } from 'commander';
import { msOf } from '#claw/units.ts';

const [LEAST_MS, MOST_MS] = [1000, 24 * 3600_000];

/** `90s`, `10m`, `2h` as milliseconds, between a second and a day. */
export function duration(text: string): number {
  const ms = /^\d{1,6}[smhd]$/.test(text) ? msOf(text) : undefined;
  if (ms === undefined)
    throw new InvalidArgumentError('A duration is a number and s, m, h or d, such as 90s or 10m.');
  if (ms < LEAST_MS || ms > MOST_MS) throw new InvalidArgumentError('It must be between 1s and 1d.');
  return ms;
}

/** A whole number that is not negative. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number, 0 or more.');
  return Number(text);
}
