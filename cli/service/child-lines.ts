import { setTimeout as delay } from 'node:timers/promises';
import type { Child, Ended } from './process.ts';

type Line = Readonly<Record<string, unknown>>;

export interface Waited {
  /** The line that was waited for; `undefined` where the child ended or the time was over first. */
  readonly line: Line | undefined;
  readonly ended: Ended | undefined;
  /** The last lines that were no JSON: what a crash leaves. */
  readonly rest: readonly string[];
}

const LOOK_MS = 25;
const REST_LINES = 5;

/** Reads a child's JSON lines, calls `onLine` with each, and returns with the first that `isLast` takes. Aborting throws the signal's reason. */
export async function waitForLine(
  child: Child,
  isLast: (line: Line) => boolean,
  options: { onLine?: (line: Line) => void; timeoutMs: number; signal?: AbortSignal },
): Promise<Waited> {
  const until = performance.now() + options.timeoutMs;
  let read = 0;
  for (;;) {
    // Asked before reading, so that what it wrote last is read.
    const ended = child.result();
    const text = child.output();
    const end = text.lastIndexOf('\n') + 1;
    for (const line of text.slice(read, Math.max(read, end)).split('\n')) {
      const parsed = parseLine(line);
      if (!parsed) continue;
      options.onLine?.(parsed);
      if (isLast(parsed)) return { line: parsed, ended, rest: [] };
    }
    read = Math.max(read, end);
    if (ended || performance.now() > until) return { line: undefined, ended, rest: restOf(text) };
    options.signal?.throwIfAborted();
    await delay(LOOK_MS);
  }
}

function parseLine(line: string): Line | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Line;
  } catch {
    return undefined;
  }
}

function restOf(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '' && !parseLine(line))
    .slice(-REST_LINES);
}
