import { randomBytes } from 'node:crypto';

/** An identifier as OpenAI's look: `call_8tWqk…`. */
export function makeId(prefix: string, separator: '_' | '-' = '_'): string {
  return `${prefix}${separator}${randomBytes(18).toString('base64url').replaceAll(/[-_]/g, 'x')}`;
}
