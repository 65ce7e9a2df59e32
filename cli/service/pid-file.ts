import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

const content = z.looseObject({ pid: z.int().min(2), url: z.string() });
export type PidFile = z.infer<typeof content>;

/** What a pid file says; `undefined` where there is none, or something else. Whether that process lives is another question. */
export function readPidFile(path: string): PidFile | undefined {
  try {
    return content.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}

/** Whole or not at all: who reads meanwhile sees the old one. */
export function writePidFile(path: string, file: PidFile): void {
  const next = `${path}.${process.pid}`;
  writeFileSync(next, `${JSON.stringify(file)}\n`, { mode: 0o600 });
  renameSync(next, path);
}

/** Takes the file away if it still names that process. */
export function removePidFile(path: string, pid: number): void {
  if (readPidFile(path)?.pid === pid) rmSync(path, { force: true });
}
