import { expect, test } from 'vitest';
import { GateKeep } from '../../../orchestrator/reconcile/gate-keep.ts';

const setUp = () => {
  const gate = { runs: true, answers: true, prepared: 0, prepares: true };
  const keep = new GateKeep({
    runtime: {
      gateAlive: async () => gate.runs,
      prepare: async () => {
        gate.prepared += 1;
        if (!gate.prepares) throw new Error('the engine is away');
      },
    },
    answers: async () => gate.answers,
    log: { warn: () => undefined } as never,
  });
  const rounds = async (count: number): Promise<number> => {
    for (let at = 0; at < count; at += 1) await keep.round();
    return gate.prepared;
  };
  return { gate, keep, rounds };
};

test('a gate that does not run is brought back at once', async () => {
  const { gate, rounds } = setUp();
  gate.runs = false;
  expect(await rounds(1)).toBe(1);
});

test('a gate that runs but answers nobody is replaced at the third round in a row, and not for less', async () => {
  const { gate, rounds } = setUp();
  for (let at = 0; at < 3; at += 1) {
    gate.answers = false;
    await rounds(2);
    gate.answers = true;
    expect(await rounds(1)).toBe(0);
  }
  gate.answers = false;
  expect(await rounds(3)).toBe(1);
  expect(await rounds(2)).toBe(1);
});

test('what could not be brought back is tried again in the next round', async () => {
  const { gate, keep, rounds } = setUp();
  Object.assign(gate, { answers: false, prepares: false });
  await rounds(2);
  await expect(keep.round()).rejects.toThrow('away');
  gate.prepares = true;
  expect(await rounds(1)).toBe(2);
});
