import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

/** Splits a canary into two halves that are each random: the child never gets it whole but where it means to. */
const split = (canary: Buffer): [string, string] => {
  const mask = randomBytes(canary.length);
  return [mask.toString('hex'), Buffer.from(canary.map((byte, at) => byte ^ mask[at]!)).toString('hex')];
};

/** Memory that is freed keeps all but its first bytes, where the allocator notes its own: half a key is a find. */
const tail = (canary: Buffer): Buffer => canary.subarray(canary.length / 2);

async function occurrences(pid: number, needles: readonly Buffer[]): Promise<number[]> {
  const counts = needles.map(() => 0);
  const overlap = Math.max(...needles.map((needle) => needle.length)) - 1;
  const memory = await open(`/proc/${pid}/mem`, 'r');
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
      const range = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line);
      if (range === null) continue;
      const end = Number.parseInt(range[2]!, 16);
      const chunk = Buffer.alloc(Math.min(16 << 20, end - Number.parseInt(range[1]!, 16)));
      for (let at = Number.parseInt(range[1]!, 16); at < end; at += Math.max(1, chunk.length - overlap)) {
        const wanted = Math.min(chunk.length, end - at);
        const read = await memory.read(chunk, 0, wanted, at).catch(() => ({ bytesRead: 0 }));
        const bytes = chunk.subarray(0, read.bytesRead);
        needles.forEach((needle, index) => {
          if (bytes.includes(needle)) counts[index]! += 1;
        });
        if (at + wanted >= end) break;
      }
    }
  } finally {
    await memory.close();
  }
  return counts;
}

describe('a key that passed through vault and sealing', { timeout: 60_000 }, () => {
  it('is nowhere in the memory of the process afterwards', async () => {
    const [canary, planted] = [randomBytes(48), randomBytes(48)];
    const child = spawn(
      process.execPath,
      [path.join(import.meta.dirname, 'memory.child.ts'), ...split(canary), ...split(planted)],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    try {
      const [ready] = (await once(child.stdout, 'data')) as [Buffer];
      expect(String(ready)).toBe('ready 48\n');
      const [found, foundPlanted] = await occurrences(child.pid!, [tail(canary), tail(planted)]);
      expect(foundPlanted, 'the search finds what is there').toBeGreaterThan(0);
      expect(found).toBe(0);
    } finally {
      child.kill('SIGKILL');
    }
  });
});
