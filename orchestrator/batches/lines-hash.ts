import { createHash } from 'node:crypto';
import { setImmediate as breathe } from 'node:timers/promises';
import { canonical } from '../tasks/content-hash.ts';
import type { Line } from './read-lines.ts';

/** Lines between two moments in which others are served. */
const AT_ONCE = 32;

/** What a body of lines behind an Idempotency-Key is compared by: its lines in their order, each as canonical JSON; blanks between them do not count. SHA-256, in hex. */
export async function linesHash(lines: readonly Line[]): Promise<string> {
  const hash = createHash('sha256');
  for (const [index, { bytes }] of lines.entries()) {
    if (index % AT_ONCE === 0) await breathe();
    hash.update(canonicalOf(bytes)).update('\n');
  }
  return hash.digest('hex');
}

/** What is no JSON is as it is: such a batch is refused anyway. */
function canonicalOf(bytes: Buffer): string | Buffer {
  try {
    return canonical(JSON.parse(bytes.toString('utf8')));
  } catch {
    return bytes;
  }
}
