import { expect, test } from 'vitest';
import { stuckVerdict } from '../../../orchestrator/launch/stuck-verdict.ts';

test.each([
  [3, true, 'paused', 'cage_paused'],
  [3, true, 'frozen', 'cage_frozen'],
  [3, true, 'stopped', 'warden_unresponsive'],
  [6, true, 'running', 'warden_unresponsive'],
  [Infinity, true, 'running', 'warden_unresponsive'],
  [5, true, 'running', undefined],
  [9, true, 'gone', undefined],
  [9, true, undefined, undefined],
  [2, true, 'paused', undefined],
  [2, true, 'stopped', undefined],
  [9, false, 'paused', undefined],
  [9, false, 'running', undefined],
] as const)(
  'after %i missed pulses, gate answers: %s, engine says %s: %s',
  (missedPulses, gateAnswers, condition, code) => {
    expect(stuckVerdict({ missedPulses, silentMs: missedPulses * 5_000, gateAnswers, condition })).toBe(code);
  },
);

test('short pulses do not make a machine that has too much to do a stuck warden', () => {
  const facts = { missedPulses: 20, gateAnswers: true, condition: 'running' } as const;
  expect(stuckVerdict({ ...facts, silentMs: 4_999 })).toBeUndefined();
  expect(stuckVerdict({ ...facts, silentMs: 5_000 })).toBe('warden_unresponsive');
});
