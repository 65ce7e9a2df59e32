import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FUNCTION_LIMITS, OpenFunctions } from '../../../cage-image/warden/open-functions.ts';
import { FunctionSimulation } from '../../support/function-simulation.ts';

const open = (waitMs = 100) => {
  let made = 0;
  return new OpenFunctions({
    taskId: 't',
    epoch: 2,
    names: new Set(['ask']),
    waitMs,
    newId: () => `c${++made}`,
  });
};
const call = (id: string, given: { name?: string; arguments?: string } = {}) => ({
  id,
  name: 'ask',
  arguments: '{}',
  ...given,
});
const refused = (output: RegExp) => ({
  toAgent: { kind: 'function_result', id: 'x', ok: false, output: expect.stringMatching(output) as string },
});

describe('a call of a function', () => {
  it('goes to the controller under an id of ours, and its result comes back under the agent’s', () => {
    const functions = open();
    expect(functions.call(call('x'), 0)).toEqual({
      toController: {
        type: 'function_call',
        taskId: 't',
        epoch: 2,
        callId: 'c1',
        name: 'ask',
        arguments: '{}',
        waitMs: 100,
      },
    });
    expect(functions.dueMs).toBe(100);
    const result = { type: 'function_result', callId: 'c1', ok: false, output: 'no' } as const;
    expect(functions.result(result)).toEqual({ kind: 'function_result', id: 'x', ok: false, output: 'no' });
    expect(functions.result(result)).toBeUndefined();
    expect(functions.dueMs).toBeUndefined();
  });

  it('of a function that the task does not have is refused at once', () => {
    expect(open().call(call('x', { name: 'other' }), 0)).toEqual(refused(/no function of that name/));
  });

  it('with arguments that would not fit into a frame is refused at once', () => {
    const bytes = FUNCTION_LIMITS.argumentsBytes;
    expect(open().call(call('x', { arguments: 'a'.repeat(bytes) }), 0)).toEqual(refused(/longer than/));
    // Each quotation mark takes two bytes on the way.
    expect(open().call(call('x', { arguments: '"'.repeat(bytes / 2) }), 0)).toEqual(refused(/longer than/));
    expect(open().call(call('x', { arguments: 'a'.repeat(bytes - 2) }), 0)).toHaveProperty('toController');
  });

  it('is refused while as many wait as may', () => {
    const functions = open();
    for (let at = 0; at < FUNCTION_LIMITS.open; at++)
      expect(functions.call(call(`${at}`), 0)).toHaveProperty('toController');
    expect(functions.call(call('x'), 0)).toEqual(refused(/may wait at once/));
    functions.result({ type: 'function_result', callId: 'c1', ok: true, output: '' });
    expect(functions.call(call('y'), 0)).toHaveProperty('toController');
  });

  it('is over at its time, and the agent is told', () => {
    const functions = open();
    functions.call(call('x'), 0);
    expect(functions.expire(99)).toEqual([]);
    expect(functions.expire(100)).toEqual([
      {
        toAgent: { kind: 'function_result', id: 'x', ok: false, output: 'Nobody answered in time.' },
        toController: { type: 'function_call_over', taskId: 't', callId: 'c1' },
      },
    ]);
    expect(functions.expire(200)).toEqual([]);
  });

  it('is asked again of a newer controller with the time that is left, and what was answered is over there', () => {
    const functions = open();
    functions.call(call('x'), 0);
    functions.call(call('y'), 0);
    functions.result({ type: 'function_result', callId: 'c1', ok: true, output: '' });
    expect(functions.askAgain(40)).toMatchObject([
      { type: 'function_call_over', callId: 'c1' },
      { type: 'function_call', callId: 'c2', waitMs: 60 },
    ]);
  });

  it('is over when the agent has ended', () => {
    const functions = open();
    functions.call(call('x'), 0);
    expect(functions.end()).toEqual([{ type: 'function_call_over', taskId: 't', callId: 'c1' }]);
    expect(functions.end()).toEqual([]);
  });
});

type Step = (simulation: FunctionSimulation) => void | Promise<void>;
const side = fc.constantFrom('cage' as const, 'controller' as const);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Step>((run) => run.agentCalls()) },
  {
    weight: 5,
    arbitrary: fc.nat({ max: 9 }).map(
      (which): Step =>
        (run) =>
          run.clientAnswers(which),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.nat({ max: 600 }).map(
      (ms): Step =>
        (run) =>
          run.timePasses(ms),
    ),
  },
  {
    weight: 9,
    arbitrary: fc.tuple(side, fc.nat({ max: 900 })).map(
      ([to, bytes]): Step =>
        (run) =>
          run.deliver(to, bytes),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(side, fc.nat({ max: 20 })).map(
      ([to, which]): Step =>
        (run) =>
          run.repeat(to, which),
    ),
  },
  { weight: 3, arbitrary: fc.constant<Step>((run) => run.connect()) },
  { weight: 2, arbitrary: fc.constant<Step>((run) => run.disconnect()) },
  { weight: 1, arbitrary: fc.constant<Step>((run) => run.takeOver()) },
);

describe('whatever is cut, lost, repeated, delayed and taken over', () => {
  it('each call gets one result, and of the results that were taken none is lost or doubled', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 120 }), async (steps) => {
        const run = new FunctionSimulation();
        run.connect();
        for (const each of steps) await each(run);
        await run.finish();
        expect(run.fatal).toEqual([]);
        // No call is left to its time: whoever controls the cage at the end was shown all that waited.
        expect(run.results.map(({ id }) => id).toSorted()).toEqual(run.calls.toSorted());
        const taken = run.given.filter(({ acknowledged, tooLate }) => acknowledged && !tooLate);
        for (const { output } of taken)
          expect(run.results.filter((result) => result.output === output)).toHaveLength(1);
      }),
      { numRuns: 300 },
    );
  });
});
