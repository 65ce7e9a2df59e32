import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assertTransition, FINAL_STATES, isFinal, mayGo, statesBefore, TASK_STATES } from '#task/state.ts';

describe('the states of a task', () => {
  it('lead from queued to a final state and never out of one', () => {
    const anyState = fc.constantFrom(...TASK_STATES);
    fc.assert(
      fc.property(fc.array(anyState, { maxLength: 30 }), (wishes) => {
        let state: (typeof TASK_STATES)[number] = 'queued';
        for (const wish of wishes) {
          if (!mayGo(state, wish)) continue;
          expect(isFinal(state)).toBe(false);
          state = wish;
        }
      }),
    );
  });

  it('know from where each can be reached', () => {
    expect(statesBefore('running')).toEqual(['starting']);
    expect(statesBefore('queued')).toEqual(['starting', 'running']);
    for (const final of FINAL_STATES) expect(statesBefore(final)).toContain('running');
  });

  it('say whether a refused step came after the end or was never there', () => {
    expect(() => assertTransition('succeeded', 'running')).toThrow(
      expect.objectContaining({ code: 'task_final' }),
    );
    expect(() => assertTransition('queued', 'running')).toThrow(
      expect.objectContaining({ code: 'task_transition' }),
    );
  });
});
