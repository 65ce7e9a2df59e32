import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { dirname } from 'node:path';

/**
 * One call as the provider saw it. Times are milliseconds of the machine's monotonic clock (CLOCK_MONOTONIC), so that lines of
 * several processes, or of one that was started again, can be compared; `wall` is for people.
 */
export interface Call {
  readonly id: string;
  /** When the request's headers had arrived. */
  readonly arrivedMs: number;
  /** When the last byte was about to be sent, or the connection was lost. */
  readonly endedMs: number;
  /** The arrival as ISO 8601. */
  readonly wall: string;
  /** The first 12 hex digits of the SHA-256 of the key that was sent, right or wrong; null without one. Never the key. */
  readonly keyFingerprint: string | null;
  readonly method: string;
  readonly path: string;
  /** What the path stands for: `chat`, `responses`, `embeddings`, …; null where it is no path of the provider's. */
  readonly operation: string | null;
  readonly model: string | null;
  /** What the script's `@note` had it write down; null without one. */
  readonly note: string | null;
  /** The status that was answered; 0 where the connection ended before any. */
  readonly status: number;
  /** What was used: 0 where the call was refused. */
  readonly inputTokens: number;
  /** Those of the input that a cache of prompts already had; they count all the same. */
  readonly cachedTokens: number;
  /** What was produced, also where it was cut or aborted before its end. */
  readonly outputTokens: number;
  /** Those of the output that were thought and not said. */
  readonly reasoningTokens: number;
  readonly totalTokens: number;
  /** Tokens of the prompt that arrived with a valid key and model, also where the call was then refused. */
  readonly offeredTokens: number;
  /** The answer said what was used; a stream without usage, sound alone, a broken answer do not. */
  readonly told: boolean;
  readonly streamed: boolean;
  /** The client went away before the end. */
  readonly aborted: boolean;
  /** The simulator broke the connection because the script said so. */
  readonly cut: boolean;
}

/** Keeps one line of JSON a call, in memory and, where a file is named, at that file's end. */
export class Books {
  readonly calls: Call[] = [];
  readonly #file: string | undefined;

  constructor(file?: string) {
    this.#file = file;
    if (file !== undefined) mkdirSync(dirname(file), { recursive: true });
  }

  /** Returns after the line is in the file: who has read the answer of a call finds the call here. */
  enter(call: Call): void {
    this.calls.push(call);
    if (this.#file !== undefined) appendFileSync(this.#file, `${JSON.stringify(call)}\n`);
  }
}

/** The calls of a books file; a last line that is still being written is left out. */
export function readBooks(file: string): Call[] {
  const text = readFileSync(file, 'utf8');
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Call);
}

/** What stands in the books for a key. */
export function keyFingerprint(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 12);
}

/** Milliseconds of CLOCK_MONOTONIC, with microseconds behind the point. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

export interface Window {
  readonly sum: number;
  readonly fromMs: number;
  readonly calls: readonly Call[];
}

/**
 * The largest sum of `value` over the calls that arrived in any window [t, t + windowMs). A largest window can always be moved
 * until it starts at an arrival, so those starts are tried; nothing is shared with the limiter that this checks.
 */
export function worstWindow(
  calls: readonly Call[],
  windowMs: number,
  value: (call: Call) => number = (call) => call.totalTokens,
): Window {
  const ordered = calls.toSorted((a, b) => a.arrivedMs - b.arrivedMs);
  let worst = { sum: 0, from: 0, to: 0 };
  let sum = 0;
  let to = 0;
  for (const [from, first] of ordered.entries()) {
    for (let next = ordered[to]; next && next.arrivedMs < first.arrivedMs + windowMs; next = ordered[++to])
      sum += value(next);
    if (sum > worst.sum) worst = { sum, from, to };
    sum -= value(first);
  }
  return {
    sum: worst.sum,
    fromMs: ordered[worst.from]?.arrivedMs ?? 0,
    calls: ordered.slice(worst.from, worst.to),
  };
}
