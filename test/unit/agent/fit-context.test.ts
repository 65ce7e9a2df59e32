import { describe, expect, test } from 'vitest';
import { conversationTokens } from '../../../cage-image/agent/context/estimate.ts';
import { fitContext } from '../../../cage-image/agent/context/fit-context.ts';
import type { Entry } from '../../../cage-image/agent/conversation.ts';

const START: Entry[] = [
  { role: 'system', text: 'rules' },
  { role: 'user', text: 'the task' },
];
const step = (at: number, output: number, args = '{}'): Entry[] => [
  { role: 'assistant', text: '', calls: [{ id: `c${at}`, name: 'shell', arguments: args }] },
  { role: 'tool', callId: `c${at}`, name: 'shell', text: `${at}:${'x'.repeat(output)}` },
];
const texts = (entries: readonly Entry[]): string[] => entries.map(({ text }) => text);

describe('fitting a conversation into the window', () => {
  test('leaves one that fits as it is', () => {
    const entries = [...START, ...step(1, 100)];
    expect(fitContext(entries, 1_000)).toEqual({ entries, changed: false });
  });

  test('shortens the oldest outputs first', () => {
    const entries = [...START, ...step(1, 9_000), ...step(2, 9_000), ...step(3, 20_000)];
    const { entries: fitted } = fitContext(entries, 9_700);
    expect(texts(fitted)[3]).toMatch(/^1:x+\n\[… \d+ characters left out …\]\nx+$/);
    expect(conversationTokens(fitted)).toBeLessThanOrEqual(9_700);
  });

  test('leaves the newest step whole as long as it fits', () => {
    const entries = [...START, ...step(1, 9_000), ...step(2, 30_000)];
    const { entries: fitted } = fitContext(entries, 9_700);
    expect(texts(fitted).at(-1)).toBe(texts(entries).at(-1));
  });

  test('drops outputs, then whole steps, call and result together, with a note', () => {
    const entries = [
      ...START,
      ...Array.from({ length: 40 }, (_, at) => step(at, 500, `{"long":"${'y'.repeat(500)}"}`)).flat(),
    ];
    const { entries: fitted } = fitContext(entries, 4_000);
    expect(conversationTokens(fitted)).toBeLessThanOrEqual(4_000);
    expect(fitted[0]).toEqual(START[0]);
    expect(fitted[1]?.text).toMatch(/^the task\n\n\[Earlier steps were left out/);
    const called = fitted.flatMap((entry) =>
      entry.role === 'assistant' ? entry.calls.map(({ id }) => id) : [],
    );
    const answered = fitted.flatMap((entry) => (entry.role === 'tool' ? [entry.callId] : []));
    expect(answered).toEqual(called);
    expect(called.at(-1)).toBe('c39');
    expect(
      fitContext([...fitted, ...step(40, 9_000)], 4_000).entries[1]?.text.match(/Earlier steps/g),
    ).toHaveLength(1);
  });

  test('shortens the newest outputs where nothing else is left, and gives up where that is too much', () => {
    const { entries } = fitContext([...START, ...step(1, 90_000)], 5_000);
    expect(entries.at(-1)?.text.length).toBeLessThan(4_100);
    expect(() => fitContext([{ role: 'user', text: 'x'.repeat(90_000) }], 5_000)).toThrow(
      expect.objectContaining({ code: 'agent_failed' }),
    );
  });
});
