import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { cageClock } from '../../../cage-image/cage-clock.ts';
import type { FromMeter, PermitDecision } from '../../../cage-image/meter/messages.ts';
import { PermitDesk, type CallToPermit } from '../../../cage-image/meter/permit-desk.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const CALL: CallToPermit = { operation: 'chat', model: 'gpt-4o', tokens: 100 };
const GRANTED: PermitDecision = { granted: true, sendWithinMs: 30_000 };
const REFUSED: PermitDecision = { granted: false, error: { code: 'limit_exceeded', message: 'no room' } };
const WAIT_MS = 60_000;

function deskWithAgent() {
  const said: FromMeter[] = [];
  const desk = new PermitDesk((message) => void said.push(message), WAIT_MS, { heard: () => undefined });
  const agent = new AbortController();
  /** The call's name, and what becomes of its permit. */
  const ask = (): { callId: string; permit: ReturnType<PermitDesk['ask']> } => {
    const permit = desk.ask(CALL, agent.signal);
    permit.catch(() => undefined);
    const asked = said.at(-1);
    if (asked?.type !== 'permit_request') throw new Error('Nothing was asked for.');
    return { callId: asked.callId, permit };
  };
  const heard = () => said.filter(({ type }) => type !== 'permit_request');
  return { desk, ask, leave: () => agent.abort(new Error('gone')), heard };
}

const abandoned = (callId: string) => ({ type: 'permit_abandoned', callId });
const givenBack = (callId: string) => ({
  type: 'settle',
  callId,
  model: 'gpt-4o',
  operation: 'chat',
  charge: 'none',
  durationMs: 0,
});

describe('a call whose agent goes away while it waits', () => {
  test('is dropped at once, and a permit that comes all the same is given back, once', async () => {
    const { desk, ask, leave, heard } = deskWithAgent();
    const { callId, permit } = ask();
    leave();
    await expect(permit).rejects.toThrow('gone');
    expect(heard()).toEqual([abandoned(callId)]);
    await vi.advanceTimersByTimeAsync(90_000);
    desk.decided(callId, GRANTED);
    desk.decided(callId, GRANTED);
    expect(heard()).toEqual([abandoned(callId), givenBack(callId)]);
  });

  test('has nothing to give back where it is refused', () => {
    const { desk, ask, leave, heard } = deskWithAgent();
    const { callId } = ask();
    leave();
    desk.decided(callId, REFUSED);
    desk.decided(callId, GRANTED);
    expect(heard()).toEqual([abandoned(callId)]);
  });

  test('is forgotten when a permit for it could count no longer: nobody answers most of them', async () => {
    const { desk, ask, leave, heard } = deskWithAgent();
    const calls = [ask(), ask()];
    leave();
    expect(vi.getTimerCount()).toBe(2);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(vi.getTimerCount()).toBe(0);
    for (const { callId } of calls) desk.decided(callId, GRANTED);
    expect(heard()).toEqual(calls.map(({ callId }) => abandoned(callId)));
  });
});

describe('a call that gets no answer', () => {
  test('is refused and dropped two seconds after its time, and its permit given back if it comes then', async () => {
    const { desk, ask, heard } = deskWithAgent();
    const { callId, permit } = ask();
    await vi.advanceTimersByTimeAsync(WAIT_MS + 1_999);
    expect(heard()).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    await expect(permit).rejects.toMatchObject({ reason: { code: 'limit_exceeded' } });
    desk.decided(callId, GRANTED);
    expect(heard()).toEqual([abandoned(callId), givenBack(callId)]);
  });
});

describe('a permit', () => {
  test('holds until the earlier of its two ends', async () => {
    const { desk, ask } = deskWithAgent();
    for (const [sendBeforeMs, leftMs] of [
      [cageClock() + 10_000, 10_000],
      [cageClock() + 40_000, 30_000],
      [undefined, 30_000],
    ] as const) {
      const { callId, permit } = ask();
      desk.decided(callId, { ...GRANTED, ...(sendBeforeMs !== undefined && { sendBeforeMs }) });
      expect(await permit).toEqual({ callId, sendBefore: cageClock() + leftMs });
    }
  });

  test('that is answered keeps nothing waiting: its agent may go, and another answer is heard by nobody', async () => {
    const { desk, ask, leave, heard } = deskWithAgent();
    const { callId, permit } = ask();
    desk.decided(callId, GRANTED);
    await permit;
    leave();
    desk.decided(callId, GRANTED);
    await vi.advanceTimersByTimeAsync(WAIT_MS + 10_000);
    expect([heard(), vi.getTimerCount()]).toEqual([[], 0]);
  });

  test('of a call on its way is longer or not, and a later word on that changes nothing', async () => {
    const { desk, heard } = deskWithAgent();
    const more = desk.extend('a', CALL, 5_000);
    desk.decided('a', GRANTED);
    expect(await more).toBe(cageClock() + 30_000);
    for (const answer of [REFUSED, { ...GRANTED, sendWithinMs: 0 }]) {
      const none = desk.extend('a', CALL, 5_000);
      desk.decided('a', answer);
      expect(await none).toBeUndefined();
    }
    const unanswered = desk.extend('a', CALL, 5_000);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await unanswered).toBeUndefined();
    desk.decided('a', GRANTED);
    expect(heard()).toEqual([]);
  });
});
