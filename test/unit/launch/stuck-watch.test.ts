import pino from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import type { CageCondition } from '#runtime/runtime.ts';
import { LiveCage } from '../../../orchestrator/launch/live-cage.ts';
import { StuckWatch } from '../../../orchestrator/launch/stuck-watch.ts';

const PULSE_MS = 1_000;

let cages: LiveCage[];
let ended: string[];
let tasks: Set<string>;
let gate: boolean;
let conditions: Map<string, CageCondition | undefined>;
let heard: Map<string, number>;
let sent: string[];
let watch: StuckWatch;

const add = (id: string): void => {
  const cage = new LiveCage(id, 1, new Date());
  cage.attach({
    hello: {},
    get heardMs() {
      return heard.get(id) ?? 0;
    },
    send: () => void sent.push(id),
  } as never);
  cages.push(cage);
};
const speaks = (id: string): void => void heard.set(id, performance.now());
const pulses = async (count: number, talking: string[] = []): Promise<void> => {
  for (let at = 0; at < count; at++) {
    vi.advanceTimersByTime(PULSE_MS);
    for (const id of talking) speaks(id);
    await watch.pulse();
  }
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  [cages, ended, sent] = [[], [], []];
  [tasks, conditions, heard] = [new Set(), new Map(), new Map()];
  gate = true;
  watch = new StuckWatch({
    runtime: {
      diagnose: (id) => {
        const condition = conditions.get(id);
        return condition ? Promise.resolve(condition) : Promise.reject(new CodedError('runtime_unavailable'));
      },
    },
    gateAnswers: () => Promise.resolve(gate),
    keeper: {
      all: () => cages,
      retire: (_organisation, id) => Promise.resolve(ended.push(`${id} retired`) > 0),
    },
    runs: {
      ofCage: (id) =>
        tasks.has(id) ? { lost: ({ code }) => Promise.resolve(void ended.push(`${id} ${code}`)) } : undefined,
    },
    organisation: 'o',
    pulseMs: PULSE_MS,
    log: pino({ enabled: false }),
  });
  add('one');
  tasks.add('one');
});

afterEach(() => void vi.useRealTimers());

test('a paused cage is ended at the third silent pulse, with its task and that code', async () => {
  conditions.set('one', 'paused');
  await pulses(3);
  expect(ended).toEqual([]);
  await pulses(1);
  expect(ended).toEqual(['one cage_paused']);
});

test('a cage that only looks as if it ran gets six, and is asked for a sign of life once', async () => {
  conditions.set('one', 'running');
  await pulses(6);
  expect(ended).toEqual([]);
  await pulses(1);
  expect([ended, sent]).toEqual([['one warden_unresponsive'], ['one']]);
});

test('a cage that speaks now and then is never ended', async () => {
  conditions.set('one', 'stopped');
  for (let at = 0; at < 10; at++) {
    await pulses(2);
    await pulses(1, ['one']);
  }
  expect(ended).toEqual([]);
});

test('nothing is ended for a gate that is away, and all begin anew when it is back', async () => {
  conditions.set('one', 'running');
  await pulses(4);
  gate = false;
  await pulses(20);
  gate = true;
  await pulses(7);
  expect(ended).toEqual([]);
  await pulses(1);
  expect(ended).toEqual(['one warden_unresponsive']);
});

test('nor for an engine that does not answer', async () => {
  await pulses(20);
  expect(ended).toEqual([]);
  conditions.set('one', 'frozen');
  await pulses(1);
  expect(ended).toEqual(['one cage_frozen']);
});

test('a warm cage is taken away before it gets a task; the others are left alone', async () => {
  add('spare');
  conditions.set('spare', 'stopped');
  await pulses(5, ['one']);
  expect(ended).toContain('spare retired');
  expect(ended.join()).not.toContain('one');
});

test('what was waited for while a link was dialled is told by the same rule', async () => {
  conditions.set('one', 'running');
  expect(await watch.diagnose('one', 5_999)).toBeUndefined();
  expect(await watch.diagnose('one', 6_000)).toMatchObject({ code: 'warden_unresponsive' });
  conditions.set('one', 'frozen');
  expect(await watch.diagnose('one', 3_000)).toMatchObject({ code: 'cage_frozen' });
  gate = false;
  expect(await watch.diagnose('one', 6_000)).toBeUndefined();
});
