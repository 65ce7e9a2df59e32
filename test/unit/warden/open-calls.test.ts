import { describe, expect, test } from 'vitest';
import { OpenCalls } from '../../../cage-image/warden/open-calls.ts';

const TASK = { taskId: 'task', epoch: 3 };
const ask = (callId: string) =>
  ({ type: 'permit_request', callId, tokens: 10, model: 'm', operation: 'chat', waitMs: 100 }) as const;
const refuse = (callId: string) =>
  ({
    type: 'permit',
    callId,
    decision: { granted: false, error: { code: 'limit_exceeded', message: '' } },
  }) as const;
const grant = (callId: string) =>
  ({ type: 'permit', callId, decision: { granted: true, sendWithinMs: 30_000 } }) as const;

describe('the calls that are open', () => {
  test('bear the task’s name and epoch towards the controller', () => {
    const calls = new OpenCalls(TASK);
    expect(calls.toController(ask('a'), 1)).toEqual({ ...ask('a'), ...TASK });
  });

  test('get their permit with all its time where it was asked for over this connection', () => {
    const calls = new OpenCalls(TASK);
    calls.toController(ask('a'), 1);
    expect(calls.toMeter(grant('a'), 1).decision).toEqual({ granted: true, sendWithinMs: 30_000 });
  });

  test('get it without any time where the connection broke meanwhile: it may be old', () => {
    const calls = new OpenCalls(TASK);
    calls.toController(ask('a'), 1);
    expect(calls.toMeter(grant('a'), 2).decision).toEqual({ granted: true, sendWithinMs: 0 });
  });

  test('are asked for again where a newer controller came before an answer did', () => {
    const calls = new OpenCalls(TASK);
    calls.toController(ask('answered'), 1);
    calls.toMeter(grant('answered'), 1);
    calls.toController(ask('waiting'), 1);
    expect(calls.askAgain()).toEqual([{ callId: 'waiting', decision: { granted: true, sendWithinMs: 0 } }]);
    expect(calls.askAgain()).toEqual([]);
  });

  test('are charged in full when the meter is gone, each once, and no others', () => {
    const calls = new OpenCalls(TASK);
    for (const callId of ['settled', 'abandoned', 'open']) calls.toController(ask(callId), 1);
    calls.toController(
      { type: 'settle', callId: 'settled', model: 'm', operation: 'chat', charge: 'none', durationMs: 1 },
      1,
    );
    calls.toController({ type: 'permit_abandoned', callId: 'abandoned' }, 1);
    expect(calls.abandon()).toMatchObject([
      { type: 'settle', taskId: 'task', callId: 'open', charge: 'full' },
    ]);
    expect(calls.abandon()).toEqual([]);
  });

  test('that were refused cost nothing when the meter is gone; one that was only refused more time costs all', () => {
    const calls = new OpenCalls(TASK);
    calls.toController(ask('refused'), 1);
    expect(calls.toMeter(refuse('refused'), 1).decision).toMatchObject({ granted: false });
    calls.toController(ask('slow'), 1);
    calls.toMeter(grant('slow'), 1);
    calls.toController({ ...ask('slow'), extend: true }, 1);
    calls.toMeter(refuse('slow'), 1);
    expect(calls.abandon()).toMatchObject([{ callId: 'slow', charge: 'full' }]);
  });
});
