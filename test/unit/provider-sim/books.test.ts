import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Books, readBooks, worstWindow, type Call } from '../../../provider-sim/books.ts';

const call = (arrivedMs: number, totalTokens: number): Call => ({
  id: 'req_1',
  arrivedMs,
  endedMs: arrivedMs + 1,
  wall: '2026-01-01T00:00:00.000Z',
  keyFingerprint: null,
  method: 'POST',
  path: '/v1/chat/completions',
  operation: 'chat',
  model: 'm',
  note: null,
  status: 200,
  inputTokens: totalTokens,
  cachedTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  totalTokens,
  offeredTokens: totalTokens,
  told: true,
  streamed: false,
  aborted: false,
  cut: false,
});

describe('the worst window', () => {
  it('holds its start and not its end', () => {
    const calls = [call(0, 10), call(59_999, 5), call(60_000, 7)];
    expect(worstWindow(calls, 60_000)).toMatchObject({ sum: 15, fromMs: 0, calls: [calls[0], calls[1]] });
    expect(worstWindow(calls, 60_001).sum).toBe(22);
  });

  it('counts requests where asked to, and nothing where nothing was called', () => {
    expect(worstWindow([call(5, 10), call(6, 10)], 1000, () => 1).sum).toBe(2);
    expect(worstWindow([], 1000)).toEqual({ sum: 0, fromMs: 0, calls: [] });
  });

  it('is never beaten by any window at any offset', () => {
    const calls = fc.array(fc.record({ at: fc.integer({ min: 0, max: 60 }), tokens: fc.nat(9) }), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(calls, fc.integer({ min: 1, max: 30 }), (drawn, windowMs) => {
        const all = drawn.map(({ at, tokens }) => call(at, tokens));
        const sums = Array.from({ length: 92 }, (_, offset) =>
          all
            .filter(({ arrivedMs }) => arrivedMs >= offset - 31 && arrivedMs < offset - 31 + windowMs)
            .reduce((sum, { totalTokens }) => sum + totalTokens, 0),
        );
        const worst = worstWindow(all, windowMs);
        expect(worst.sum).toBe(Math.max(...sums));
        expect(worst.calls.reduce((sum, { totalTokens }) => sum + totalTokens, 0)).toBe(worst.sum);
      }),
    );
  });
});

describe('the books', () => {
  it('are read back from their file, but for a line that is not whole yet', () => {
    const folder = mkdtempSync(join(tmpdir(), 'provider-sim-'));
    const file = join(folder, 'deep', 'books.jsonl');
    const books = new Books(file);
    books.enter(call(1, 2));
    new Books(file).enter(call(3, 4));
    appendFileSync(file, '{"id":"req_hal');
    expect(readBooks(file)).toEqual([call(1, 2), call(3, 4)]);
    expect(books.calls).toEqual([call(1, 2)]);
    rmSync(folder, { recursive: true });
  });
});
