import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import type { ToCage } from '#protocol/link-messages.ts';
import { CallDesk } from '../../../orchestrator/launch/call-desk.ts';
import type { Grant, PermitRequest, Standing } from '../../../orchestrator/limiter/permit-request.ts';
import { Telemetry } from '../../../orchestrator/telemetry/telemetry.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const LEVELS = [
  { level: 'claw', id: 'c', tokensPerMinute: 500, tokens: 100, requests: 1, emptyInMs: 9000 },
  { level: 'key', id: 'k', tokensPerMinute: 450, tokens: 100, requests: 1, emptyInMs: 20_000 },
  { level: 'organisation', id: 'o', requestsPerMinute: 3, tokens: 900, requests: 4, emptyInMs: 30_000 },
] as const;
const GRANT: Grant = {
  granted: true,
  sendWithinMs: 30_000,
  waitedMs: 0,
  sinceMs: 1000,
  levels: LEVELS,
};

/** A desk whose limiter answers what the test says, by call; the cage's clock is 500 ms behind ours. */
function deskWith(endsAt?: number) {
  const asked: (PermitRequest & PromiseWithResolvers<Grant>)[] = [];
  const said: unknown[][] = [];
  const reasons: (string | null)[] = [];
  const replies: ToCage[] = [];
  const warned: object[] = [];
  const telemetry = new Telemetry();
  const standing: Standing = { levels: [{ level: 'claw', id: 'c', tokensPerMinute: 500 }] };
  const desk = new CallDesk({
    attempt: {
      organisation: 'o',
      task: 't',
      epoch: 1,
      fence: 1,
      claw: 'c',
      key: 'k',
      ...(endsAt !== undefined && { endsAt }),
    },
    limiter: {
      extend: async ({ callId }) => {
        if (callId === 'lost') throw new CodedError('limiter_unavailable');
        return callId === 'slow' ? { sendWithinMs: 30_000, sinceMs: 5000 } : undefined;
      },
      permit: async (request, signal) => {
        const answer = Promise.withResolvers<Grant>();
        await request.standing();
        asked.push({ ...request, ...answer });
        const grant = await answer.promise;
        signal?.throwIfAborted();
        return grant;
      },
      sent: async ({ callId }, agoMs) => (said.push(['sent', callId, agoMs]), { overrunTokens: 0 }),
      settle: async ({ callId }, took) => (said.push(['settle', callId, took]), { overrunTokens: 7 }),
      closeKey: async (...args) => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        said.push(['close', ...args]);
      },
    },
    clock: { agoMs: (atMs) => 5000 - atMs, cageTime: (ownMs) => ownMs - 500 },
    ledger: { record: async () => undefined },
    telemetry,
    log: { warn: (fields: object) => void warned.push(fields) } as never,
    standing: async () => standing,
    onWaiting: (reason) => void reasons.push(reason),
  });
  const ask = async (callId: string, more: object = {}): Promise<void> => {
    const request = { callId, tokens: 100, operation: 'chat', model: 'gpt-4o', waitMs: 60_000, ...more };
    await desk.permit(request as never, (reply) => void replies.push(reply));
    await vi.advanceTimersByTimeAsync(0);
  };
  const settle = (callId: string, more: object): Promise<void> =>
    desk.settle({ callId, operation: 'chat', model: 'gpt-4o', durationMs: 1, ...more } as never);
  const decision = () => replies.at(-1) as Extract<ToCage, { type: 'permit' }>;
  const reserved = async (): Promise<string | undefined> =>
    /^clawcage_tokens_reserved\{claw="c"\} (.*)$/m.exec(await telemetry.metrics())?.[1];
  return { desk, asked, said, reasons, warned, replies, ask, settle, decision, reserved };
}

describe('a call', () => {
  const QUARTER_MS = 900_000;

  it('is under way until a while after the end of its task at the longest, also one that is asked for after it', async () => {
    const { asked, ask } = deskWith(performance.now() + 60_000);
    await ask('a');
    await vi.advanceTimersByTimeAsync(40_000);
    await ask('b');
    await vi.advanceTimersByTimeAsync(40_000);
    await ask('c');
    expect(asked.map(({ underWayMs }) => underWayMs)).toEqual(
      [60_000, 20_000, 0].map((ms) => ms + QUARTER_MS),
    );
  });
});

describe('the reason that a task waits for permits', () => {
  it('is told after half a second, holds as long as any of its calls waits, and is that of the newest', async () => {
    const { asked, ask, reasons } = deskWith();
    await ask('a');
    await ask('b');
    asked[0]!.onWaiting!('key tokens');
    asked[1]!.onWaiting!('claw queue');
    expect(reasons).toEqual([]);
    await vi.advanceTimersByTimeAsync(750);
    asked[1]!.onWaiting!('organisation turn');
    await vi.advanceTimersByTimeAsync(750);
    asked[1]!.resolve(GRANT);
    await vi.advanceTimersByTimeAsync(750);
    asked[0]!.resolve(GRANT);
    await vi.advanceTimersByTimeAsync(0);
    // Standing behind its own Claw's calls says less than what those wait for.
    expect(reasons).toEqual(['permit: key tokens', 'permit: organisation turn', 'permit: key tokens', null]);
  });
});

describe('a permit', () => {
  it("says until when it holds by the cage's clock, and of each cap the level that leaves least", async () => {
    const { asked, ask, decision } = deskWith();
    await ask('a');
    asked[0]!.resolve(GRANT);
    await vi.advanceTimersByTimeAsync(0);
    expect(decision().decision).toEqual({
      granted: true,
      sendWithinMs: 30_000,
      sendBeforeMs: 30_500,
      limits: {
        requests: { limit: 3, remaining: 0, resetMs: 30_000 },
        tokens: { limit: 450, remaining: 350, resetMs: 20_000 },
      },
    });
  });

  it('of a call that is on its way slowly is given a later end, or none: neither is waited for, nor held twice', async () => {
    const { asked, ask, decision, reserved } = deskWith();
    await ask('slow', { extend: true });
    expect(decision()).toEqual({
      type: 'permit',
      callId: 'slow',
      decision: { granted: true, sendWithinMs: 30_000, sendBeforeMs: 34_500 },
    });
    for (const [callId, code] of [
      ['over', 'limit_exceeded'],
      ['lost', 'limiter_unavailable'],
    ] as const) {
      await ask(callId, { extend: true });
      expect(decision().decision).toMatchObject({ granted: false, error: { code } });
    }
    expect([asked, await reserved()]).toEqual([[], undefined]);
  });

  it('that would wait for its wide bound is answered at once by asking for a tighter one', async () => {
    for (const [error, tighten] of [
      [new CodedError('limit_exceeded', { level: 'key', limit: 'tokens', retryAfterMs: 900 }), true],
      [new CodedError('limit_never_fits', { level: 'claw', limit: 'tokens' }), true],
      [new CodedError('limit_never_fits', { level: 'claw', limit: 'requests' }), false],
      [new CodedError('epoch_superseded'), false],
    ] as const) {
      const { asked, ask, decision } = deskWith();
      await ask('a', { canTighten: true });
      expect(asked[0]!.deadlineMs).toBe(0);
      asked[0]!.reject(error);
      await vi.advanceTimersByTimeAsync(0);
      expect(decision().decision).toMatchObject({ granted: false, error: { code: error.code } });
      expect('tighten' in decision().decision).toBe(tighten);
    }
  });
});

describe('a permit for a cage that another orchestrator controls by now', () => {
  it.each([false, true])(
    'is left for that one to decide: nothing is said (canTighten: %s)',
    async (canTighten) => {
      const { asked, ask, desk, replies, said } = deskWith();
      await ask('a', { canTighten });
      asked[0]!.reject(new CodedError('epoch_superseded', { takenOver: true }));
      await vi.advanceTimersByTimeAsync(60_000);
      desk.release();
      await vi.advanceTimersByTimeAsync(0);
      expect([replies, said, asked.length]).toEqual([[], [], 1]);
    },
  );
});

describe('a permit of which nothing can be decided at once', () => {
  it.each(['limiter_unavailable', 'store_unavailable'] as const)(
    'is waited for (%s): a tighter bound would be no help',
    async (code) => {
      const { asked, ask, replies, decision } = deskWith();
      await ask('a', { canTighten: true });
      asked[0]!.reject(new CodedError(code));
      await vi.advanceTimersByTimeAsync(0);
      expect(replies).toEqual([]);
      expect(asked[1]).toMatchObject({ callId: 'a', deadlineMs: 60_000 });
      asked[1]!.resolve(GRANT);
      await vi.advanceTimersByTimeAsync(0);
      expect(decision().decision).toMatchObject({ granted: true });
    },
  );
});

describe('a call', () => {
  it('that its meter dropped while its permit was on the way is given back, and may be asked for anew', async () => {
    const { asked, ask, desk, said, replies, warned } = deskWith();
    await ask('a');
    desk.abandon('a');
    await ask('a');
    asked[0]!.resolve(GRANT);
    await vi.advanceTimersByTimeAsync(0);
    expect(said).toEqual([['settle', 'a', { tokens: 0, requests: 0 }]]);
    expect(replies).toEqual([]);
    asked[1]!.resolve(GRANT);
    await vi.advanceTimersByTimeAsync(0);
    expect(replies).toMatchObject([{ callId: 'a', decision: { granted: true } }]);
    expect([warned, said]).toEqual([[], [expect.anything()]]);
  });

  it('that its meter dropped is given back wherever its permit is: told to nobody yet, on its way, or another orchestrator’s', async () => {
    const { asked, ask, desk, settle, said, replies, reserved } = deskWith();
    for (const callId of ['decided', 'on its way']) await ask(callId);
    asked[1]!.resolve(GRANT);
    await vi.advanceTimersByTimeAsync(0);
    // The limiter has decided, and heard no objection; the desk has not heard of it.
    asked[0]!.resolve(GRANT);
    await asked[0]!.promise;
    desk.abandon('decided');
    desk.abandon('on its way');
    desk.abandon('of another');
    await vi.advanceTimersByTimeAsync(0);
    expect(said.map(([what, callId]) => `${what} ${callId}`).toSorted()).toEqual([
      'settle decided',
      'settle of another',
      'settle on its way',
    ]);
    expect(replies).toMatchObject([{ callId: 'on its way' }]);
    // Its meter gives that one back as well, when it comes.
    await settle('on its way', { charge: 'none' });
    expect(await reserved()).toBe('0');
  });

  it('that its meter gave up for the end of another orchestrator, and that was asked for here all the same, goes back once it is decided', async () => {
    const { asked, ask, settle, said, replies } = deskWith();
    await ask('a');
    await settle('a', { charge: 'none' });
    asked[0]!.resolve(GRANT);
    await vi.advanceTimersByTimeAsync(0);
    const back = ['settle', 'a', { tokens: 0, requests: 0 }];
    // The first may come before the permit does.
    expect(said).toEqual([back, back]);
    expect(replies).toEqual([]);
  });

  it('that waits when its attempt is let go is not given back: another orchestrator may have it', async () => {
    const { asked, ask, desk, said, replies } = deskWith();
    await ask('a');
    desk.release();
    asked[0]!.resolve(GRANT);
    await vi.advanceTimersByTimeAsync(0);
    expect([said, replies]).toEqual([[], []]);
  });

  it("was sent when its cage's clock said so, however long the message took", async () => {
    const { desk, said } = deskWith();
    desk.sent({ type: 'sent', callId: 'a', agoMs: 2, atMs: 1000 });
    desk.sent({ type: 'sent', callId: 'b', agoMs: 2 });
    expect(said).toEqual([
      ['sent', 'a', 4000],
      ['sent', 'b', 2],
    ]);
  });

  it('that is charged in full is settled all the same; one that the provider limited closes its key', async () => {
    const { settle, said } = deskWith();
    await settle('a', { charge: 'full' });
    await settle('b', { charge: 'request', status: 429, providerResetMs: 1500 });
    await vi.advanceTimersByTimeAsync(5);
    await settle('c', { charge: 'none' });
    expect(said).toEqual([
      ['settle', 'a', {}],
      ['close', 'o', 'k', 1500, { organisation: 'o', task: 't', epoch: 1, callId: 'b' }],
      ['settle', 'b', { tokens: 0, requests: 1 }],
      ['settle', 'c', { tokens: 0, requests: 0 }],
    ]);
  });

  it('that took too much is logged by its shape', async () => {
    const { asked, ask, settle, warned } = deskWith();
    await ask('a');
    asked[0]!.resolve(GRANT);
    await vi.advanceTimersByTimeAsync(0);
    await settle('a', { charge: 'reported', usage: { totalTokens: 107 } });
    await vi.advanceTimersByTimeAsync(0);
    const shape = { operation: 'chat', model: 'gpt-4o', reservedTokens: 100, usedTokens: 107 };
    expect(warned).toEqual([{ claw: 'c', key: 'k', call: 'a', overrunTokens: 7, ...shape }]);
  });

  it('is held once in the metrics however often it is asked for, and no longer after its end or that of its attempt', async () => {
    const { asked, ask, settle, reserved, desk } = deskWith();
    for (const callId of ['a', 'a', 'b']) {
      await ask(callId);
      asked.at(-1)!.resolve(GRANT);
      await vi.advanceTimersByTimeAsync(0);
    }
    expect(await reserved()).toBe('200');
    await settle('a', { charge: 'none' });
    await settle('permitted by an earlier controller', { charge: 'full' });
    expect(await reserved()).toBe('100');
    desk.release();
    desk.release();
    expect(await reserved()).toBe('0');
  });
});
