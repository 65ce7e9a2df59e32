import type { Readable } from 'node:stream';
import { bootstrap, type Bootstrap } from '#protocol/bootstrap.ts';

const MAX_BOOTSTRAP_BYTES = 64 * 1024;

/**
 * The bootstrap: the first line of `input`, which is destroyed afterwards. Undefined where none came in time, or what came is not one: a cage
 * without a bootstrap has nothing to do and nobody to tell.
 */
export async function readBootstrap(input: Readable, withinMs: number): Promise<Bootstrap | undefined> {
  const late = setTimeout(() => input.destroy(), withinMs);
  try {
    return parse(await firstLine(input));
  } catch {
    return undefined;
  } finally {
    clearTimeout(late);
    input.destroy();
  }
}

async function firstLine(input: Readable): Promise<string> {
  let text = Buffer.alloc(0);
  for await (const chunk of input as AsyncIterable<Buffer>) {
    text = Buffer.concat([text, chunk]);
    const end = text.indexOf('\n');
    if (end >= 0) return text.subarray(0, end).toString('utf8');
    if (text.length > MAX_BOOTSTRAP_BYTES) break;
  }
  return text.toString('utf8');
}

const parse = (line: string): Bootstrap => bootstrap.parse(JSON.parse(line));
