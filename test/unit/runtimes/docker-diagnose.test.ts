import { expect, test } from 'vitest';
import { conditionOf, type ProcessSeen } from '../../../orchestrator/runtimes/docker/diagnose.ts';

const INIT = 100;
const seen = (pid: number, state: string, more: Partial<ProcessSeen> = {}): ProcessSeen => ({
  pid,
  parent: INIT,
  state,
  ageSeconds: 10,
  waitsIn: '-',
  ...more,
});
const tini = (state = 'Ss') => seen(INIT, state, { parent: 1 });
const swap = { waitsIn: 'folio_wait_bit_common' };
const freezer = { waitsIn: 'do_freezer_trap' };

test.each([
  ['an idle cage', 'running', [tini(), seen(101, 'Sl'), seen(102, 'Sl', { parent: 101 })]],
  ['a busy one', 'running', [tini(), seen(101, 'Rl'), seen(103, 'D', { parent: 102 })]],
  ['a stopped warden', 'stopped', [tini(), seen(101, 'Tl'), seen(102, 'Sl', { parent: 101 })]],
  ['a stopped first process', 'stopped', [tini('Ts'), seen(101, 'Sl')]],
  ['a stopped meter or agent', 'running', [tini(), seen(101, 'Sl'), seen(102, 'T', { parent: 101 })]],
  ['a stopped leftover of an agent', 'running', [tini(), seen(90, 'T', { ageSeconds: 3 }), seen(101, 'Sl')]],
  ['cgroup v1, frozen', 'frozen', [tini('Ds'), seen(101, 'Dl'), seen(102, 'D', { parent: 101 })]],
  ['cgroup v1, frozen in its sleep', 'frozen', [tini('Ds'), seen(101, 'Dl', { waitsIn: 'ep_poll' })]],
  ['cgroup v2, frozen', 'frozen', [{ ...tini(), ...freezer }, seen(101, 'Sl', freezer)]],
  ['one that waits for a disk', 'running', [tini(), seen(101, 'Dl')]],
  ['one that is swapped out as a whole', 'running', [{ ...tini('Ds'), ...swap }, seen(101, 'Dl', swap)]],
  ['nothing that could be seen', 'running', []],
] as const)('%s is %s', (_, condition, processes) => {
  expect(conditionOf(processes, INIT)).toBe(condition);
});
