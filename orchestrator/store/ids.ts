import { randomInt } from 'node:crypto';

/** Base32 of Crockford, lower case: its order is that of the characters' codes. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const TIME_DIGITS = 9;
const RANDOM_DIGITS = 11;

let lastMs = 0;

/**
 * `<prefix>_` and 20 characters of base32: 9 of time in milliseconds, 11 of chance (55 bits). Ids of one process sort by
 * the order of their making, those of several by the millisecond. Fit for names of containers and files.
 */
export function newId(prefix: 'org' | 'key' | 'claw' | 'task' | 'cage' | 'batch' | 'orch'): string {
  lastMs = Math.max(Date.now(), lastMs + 1);
  let digits = '';
  for (let rest = lastMs, digit = 0; digit < TIME_DIGITS; digit += 1, rest = Math.floor(rest / 32)) {
    digits = ALPHABET[rest % 32]! + digits;
  }
  for (let digit = 0; digit < RANDOM_DIGITS; digit += 1) digits += ALPHABET[randomInt(32)]!;
  return `${prefix}_${digits}`;
}
