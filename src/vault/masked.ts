import type { Secret } from '#secret/secret.ts';

/** Below this a few characters would be a good part of the key. */
const SHORTEST_SHOWN = 20;

/**
 * The form in which a key is shown: its letters before the first hyphen, and its last four characters, as in `sk-…x7Qd`. A prefix
 * that is not a short word is part of the key and left out; of a key of fewer than 20 characters nothing is shown.
 */
export function masked(key: Secret): string {
  const bytes = key.expose();
  if (bytes.length < SHORTEST_SHOWN) return '…';
  const prefix = /^[a-z]{1,6}-/.exec(bytes.toString('latin1', 0, 7))?.[0] ?? '';
  return `${prefix}…${bytes.toString('latin1', bytes.length - 4)}`;
}
