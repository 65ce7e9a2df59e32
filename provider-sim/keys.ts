import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseLimits, type Limits } from './key-limits.ts';

/** A key that looks like the provider's own. */
export function makeKey(): string {
  return `sk-sim-${randomBytes(24).toString('base64url')}`;
}

/**
 * The keys of a file, one a line, each with its limits behind it where it has its own (`sk-… requests=3 tokens=1000`); `#` starts a comment.
 * A file that is not there is made, with one new key and mode 0600.
 */
export function keysIn(file: string): Map<string, Limits | undefined> {
  if (!existsSync(file)) {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, `${makeKey()}\n`, { mode: 0o600, flag: 'wx' });
  }
  chmodSync(file, 0o600);
  const keys = readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (keys.length === 0)
    throw new Error(`${file} holds no key: write one a line, or delete the file to have one made.`);
  return new Map(
    keys.map((line) => {
      const [key = '', ...limits] = line.split(/\s+/);
      return [key, limits.length > 0 ? parseLimits(limits.join(' ')) : undefined];
    }),
  );
}

/**
 * The form in which OpenAI shows a wrong key in its 401: the first eight and the last four characters, stars for the rest; a key of
 * twelve characters or less whole. That is what makes such an answer worth hiding.
 */
export function asOpenAiShowsIt(key: string): string {
  if (key.length <= 12) return key;
  return `${key.slice(0, 8)}${'*'.repeat(key.length - 12)}${key.slice(-4)}`;
}
