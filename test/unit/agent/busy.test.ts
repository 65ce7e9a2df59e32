import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Busy } from '../../../cage-image/agent/busy.ts';
import type { OfferedTool } from '../../../cage-image/agent/tools/tool.ts';
import { Toolbox } from '../../../cage-image/agent/tools/toolbox.ts';
import { LimitedTurns } from '../../../cage-image/agent/turns/limited-turns.ts';
import type { Turn, TurnRequest } from '../../../cage-image/agent/turns/model-turns.ts';
import { agentLine } from '../../../cage-image/warden/agent-events.ts';

const never = new Promise<never>(() => undefined);
const tool = (over: Partial<OfferedTool>): OfferedTool => ({
  name: 'slow',
  description: '',
  parameters: {},
  touches: () => ({ kind: 'outside' }),
  limitMs: () => 10_000,
  call: () => never,
  ...over,
});
const call = { id: 'c', name: 'slow', arguments: '{"secret":1}' };

describe('what the agent says of itself', () => {
  afterEach(() => vi.useRealTimers());

  test('is each tool that runs with its limit, and nothing of its input; the warden understands it', async () => {
    const busy = new Busy();
    void new Toolbox([tool({})], busy).run([call, call], () => undefined);
    await new Promise(setImmediate);
    const list = busy.list();
    expect(list).toEqual([1, 2].map(() => ({ what: 'slow', limitMs: 15_000, sinceMs: expect.any(Number) })));
    expect(JSON.stringify(list)).not.toContain('secret');
    expect(agentLine.safeParse({ kind: 'pong', busy: list }).success).toBe(true);
    expect(agentLine.safeParse({ kind: 'pong', busy: new Busy().list() }).success).toBe(true);
  });

  test('has a limit where nothing is under way, too', async () => {
    const busy = new Busy();
    await busy.during('x', 1, () => Promise.resolve());
    expect(busy.list()).toEqual([
      { what: 'nothing', limitMs: expect.any(Number), sinceMs: expect.any(Number) },
    ]);
  });

  test('is not longer than the warden takes, whatever the model calls at once', () => {
    const busy = new Busy();
    for (let at = 0; at < 500; at++) void busy.during('ü'.repeat(1000), 1, () => never);
    expect(agentLine.safeParse({ kind: 'pong', busy: busy.list() }).success).toBe(true);
  });

  test('counts from the last sign of progress', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const busy = new Busy();
    const signs = Promise.withResolvers<() => void>();
    void busy.during('model call', 1_000, (sign) => (signs.resolve(sign), never));
    const sign = await signs.promise;
    vi.advanceTimersByTime(30);
    expect(busy.list()[0]!.sinceMs).toBe(30);
    sign();
    expect(busy.list()[0]!.sinceMs).toBe(0);
    vi.advanceTimersByTime(20);
    expect(busy.list()[0]!.sinceMs).toBe(20);
  });
});

test('a tool that does not end itself is left when its time is over, and the model is told', async () => {
  const [result] = await new Toolbox([tool({ limitMs: () => -4_950 })]).run([call], () => undefined);
  expect(result).toMatchObject({ ok: false, output: expect.stringContaining('did not end within') });
});

describe('a model', () => {
  const request = { onText: () => undefined } as unknown as TurnRequest;
  const turn = { text: 'done' } as Turn;

  test('that says nothing for its limit is given up', async () => {
    const hanging = {
      next: ({ signal }: TurnRequest) =>
        new Promise<Turn>((_, reject) =>
          signal!.addEventListener('abort', () => reject(new Error('aborted'))),
        ),
    };
    await expect(new LimitedTurns(hanging, new Busy(), 30).next(request)).rejects.toMatchObject({
      code: 'provider_unreachable',
    });
  });

  test('that says a little now and then may take many times as long', async () => {
    const slow = {
      next: async ({ onSign, signal }: TurnRequest) => {
        for (let at = 0; at < 10; at++) {
          await pause(20, undefined, { signal });
          onSign!();
        }
        return turn;
      },
    };
    expect(await new LimitedTurns(slow, new Busy(), 100).next(request)).toBe(turn);
  });
});
