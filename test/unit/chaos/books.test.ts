import { describe, expect, it } from 'vitest';
import { compareBooks } from '../../chaos/books/compare.ts';
import type { Asked, Facts } from '../../chaos/books/facts.ts';

const told = (state: string, more: object = {}) => ({ state, epoch: 1, wrong: null, atMs: 9_000, ...more });
const asked = (more: Partial<Asked> = {}): Asked => ({
  name: 'a',
  kind: 'shell',
  idempotent: true,
  ids: ['task_a', 'task_a'],
  acceptedMs: 1_000,
  end: told('succeeded'),
  again: { state: 'succeeded' },
  watched: { ids: [[1, 2, 3]], ends: 1, text: { seen: 'right', right: 'right' } },
  ...more,
});
const step = (state: string, atMs: number, epoch = 1) => ({ task: 'task_a', state, epoch, atMs });

/** A run in which all is well: one task, one attempt, an orchestrator killed in its middle. */
const well: Facts = {
  asked: [asked()],
  rows: [{ id: 'task_a', name: 'a' }],
  steps: [
    step('queued', 1_000, 0),
    step('starting', 1_500),
    step('running', 2_000),
    step('succeeded', 9_000),
  ],
  lives: [{ container: 'c1', cage: 'cage_1', createdMs: 1_500, goneMs: 9_500 }],
  given: [{ cage: 'cage_1', task: 'task_a', epoch: 1, atMs: 1_900 }],
  calls: [
    { name: 'a', arrivedMs: 2_500, tokens: 40 },
    { name: 'a', container: 'c1', arrivedMs: 6_000, tokens: 60 },
  ],
  struck: [{ fault: 'orchestrator_killed', beganMs: 4_000, endedMs: 5_000 }],
  left: { containers: [], 'sealed results': [] },
  resultMs: 10_000,
  crashes: [],
  caps: { kind: 'capped', requests: 2, tokens: 100 },
  forgotMs: [],
};
const breachesOf = (more: Partial<Facts>) =>
  compareBooks({ ...well, ...more }).breaches.map(({ check, what }) => `${check}: ${what}`);

describe('the books of a run', () => {
  it('agree where all is well, and count who survived', () => {
    const { breaches, survivors } = compareBooks(well);
    expect(breaches).toEqual([]);
    expect(survivors).toMatchObject({ running: 1, undisturbed: 1, survived: 1 });
  });

  it('show an accepted task without a row, a key with two tasks, and a row that nobody asked for', () => {
    expect(breachesOf({ rows: [] })).toEqual(['accepted: accepted as task_a, and no row has it']);
    const twice = [...well.rows, { id: 'task_b', name: 'a' }];
    expect(breachesOf({ rows: twice })).toEqual(['accepted: 2 rows of one key']);
    expect(breachesOf({ rows: [...well.rows, { id: 'task_z', name: 'z' }] })).toEqual([
      'accepted: a row that nobody asked for',
    ]);
    expect(breachesOf({ asked: [asked({ ids: ['task_a', 'task_b'] })], rows: twice })).toContain(
      'accepted: one key, several tasks: task_a, task_b',
    );
  });

  it('show a task that never ended, ended twice, moved after its end, or is told in two ways', () => {
    const { end: _, ...endless } = asked();
    expect(breachesOf({ asked: [endless] })).toEqual([expect.stringMatching(/never told an end.*succeeded/)]);
    expect(breachesOf({ steps: [...well.steps, step('succeeded', 9_100)] })).toContain(
      'finals: ended 2 times: succeeded, succeeded',
    );
    expect(breachesOf({ steps: [...well.steps, step('queued', 9_100, 2)] })).toContain(
      'finals: moved on after its end, to queued',
    );
    expect(breachesOf({ asked: [asked({ again: { state: 'cancelled' } })] })).toEqual([
      'finals: told succeeded and later cancelled',
    ]);
  });

  it('show a result that was gone too soon: neither its time was over, nor a clock set', () => {
    const gone = (goneAfterMs: number, struck: Facts['struck'] = []) =>
      breachesOf({
        asked: [asked({ end: told('succeeded', { wrong: 'its result was answered 410', goneAfterMs }) })],
        struck,
      });
    const clock = (endedMs: number) => ({ fault: 'clock_back', beganMs: 3_000, endedMs }) as const;
    const tooSoon = ['finals: succeeded with what is wrong: its result was answered 410'];
    expect(gone(9_999)).toEqual(tooSoon);
    expect(gone(10_000)).toEqual([]);
    expect(gone(500, [clock(8_499)])).toEqual(tooSoon);
    expect(gone(500, [clock(8_500)])).toEqual([]);
  });

  it('show a wrong answer, and a cancelling that nobody asked for', () => {
    expect(breachesOf({ asked: [asked({ end: told('succeeded', { wrong: 'answered "x"' }) })] })).toEqual([
      'finals: succeeded with what is wrong: answered "x"',
    ]);
    const cancelled = { end: told('cancelled'), again: { state: 'cancelled' } };
    expect(
      breachesOf({ asked: [asked(cancelled)], steps: [...well.steps.slice(0, 3), step('cancelled', 9_000)] }),
    ).toEqual(['finals: cancelled, and nobody did']);
  });

  it('show a failure that no fault explains: of a repeatable task any but those of its own cage’s inside', () => {
    const failing = (idempotent: boolean, struck: Facts['struck']) =>
      breachesOf({
        asked: [
          asked({
            idempotent,
            end: told('failed', { code: 'cage_died' }),
            again: { state: 'failed', code: 'cage_died' },
          }),
        ],
        steps: [...well.steps.slice(0, 3), step('failed', 9_000)],
        struck,
      });
    const network = { fault: 'network_cut', beganMs: 3_000, endedMs: 4_000 } as const;
    const meter = (container: string) =>
      ({ fault: 'meter_killed', beganMs: 3_000, endedMs: 3_000, container }) as const;
    const unexplained = ['finals: failed with cage_died'];
    expect(failing(false, [])).toEqual(unexplained);
    expect(failing(false, [network])).toEqual([]);
    expect(failing(false, [meter('c9')])).toEqual(unexplained);
    expect(failing(true, [network])).toEqual(unexplained);
    expect(failing(true, [meter('c1')])).toEqual([]);
  });

  it('show two attempts at once, and calls of an attempt that was over', () => {
    const second = { container: 'c2', cage: 'cage_2', createdMs: 5_000, goneMs: 9_500 };
    const given = [...well.given, { cage: 'cage_2', task: 'task_a', epoch: 2, atMs: 5_100 }];
    const again = (goneMs: number | undefined, calls = well.calls) => {
      const { goneMs: _, ...first } = well.lives[0]!;
      const lives = [{ ...first, ...(goneMs !== undefined && { goneMs }) }, second];
      return breachesOf({ lives, given, calls, struck: [] });
    };
    expect(again(4_900, [well.calls[0]!])).toEqual([]);
    expect(again(undefined)).toEqual(['attempts: attempt 2 began in c2 while attempt 1 was in c1']);
    expect(again(8_000)).toEqual(['attempts: attempt 2 began in c2 while attempt 1 was in c1']);
    expect(again(4_500)).toEqual([expect.stringMatching(/^calls: .* from c1, which had no attempt/)]);
  });

  it('show a call from a container that nobody knows', () => {
    const calls = [{ name: 'a', container: 'c7', arrivedMs: 3_000, tokens: 1 }];
    expect(breachesOf({ calls })).toEqual([expect.stringContaining('from c7')]);
    expect(breachesOf({ calls: [{ name: 'a', arrivedMs: 30_000, tokens: 1 }] })).toHaveLength(1);
  });

  it('show a cap that was passed in a window at any offset, of requests or tokens', () => {
    const capped = { asked: [asked({ kind: 'capped' })] };
    const life = { lives: [{ ...well.lives[0]!, goneMs: 200_000 }] };
    const calls = (...all: [atMs: number, tokens: number][]) =>
      all.map(([arrivedMs, tokens]) => ({ name: 'a', arrivedMs, tokens }));
    const of = (...all: [number, number][]) => breachesOf({ ...capped, ...life, calls: calls(...all) });
    expect(of([2_000, 50], [61_999, 50], [62_000, 50])).toEqual([]);
    expect(of([2_000, 1], [30_000, 1], [61_999, 1])).toEqual(['caps: 3 requests in a minute, the cap is 2']);
    expect(of([2_000, 60], [61_000, 60])).toEqual(['caps: 120 tokens in a minute, the cap is 100']);
    const lost = { ...capped, ...life, forgotMs: [40_000], calls: calls([2_000, 60], [61_000, 60]) };
    expect(breachesOf(lost)).toEqual([]);
  });

  it('show an event that came twice or out of order, an end that was not told, and text that is missing', () => {
    const watching = (more: object) =>
      breachesOf({
        asked: [asked({ watched: { ids: [[1, 2]], ends: 1, ...more } })],
        calls: well.calls.slice(0, 1),
      });
    expect(watching({})).toEqual([]);
    expect(watching({ ids: [[1, 2, 2]] })).toEqual(['watched: event 2 came after 2']);
    expect(watching({ ends: 0 })).toEqual(['watched: was told the end 0 times']);
    const text = { seen: 'rig', right: 'right' };
    expect(watching({ text })).toEqual(['watched: saw 3 characters of 5, without a gap']);
    expect(watching({ text, ids: [[1, 4], [2]] })).toEqual([]);
  });

  it('show an attempt that did not outlive the kill of an orchestrator though nothing else struck it', () => {
    const steps = [...well.steps.slice(0, 3), step('queued', 5_000), step('starting', 6_000, 2)];
    const ended = [...steps, step('succeeded', 9_000, 2)];
    const lives = [
      { ...well.lives[0]!, goneMs: 4_900 },
      { container: 'c2', cage: 'cage_2', createdMs: 5_900, goneMs: 9_500 },
    ];
    const given = [...well.given, { cage: 'cage_2', task: 'task_a', epoch: 2, atMs: 6_000 }];
    const facts = {
      ...well,
      steps: ended,
      lives,
      given,
      calls: [],
      asked: [asked({ end: told('succeeded', { epoch: 2 }) })],
    };
    const of = (container: string, atMs = 4_500) =>
      ({ fault: 'agent_killed', beganMs: atMs, endedMs: atMs, container }) as const;
    expect(compareBooks(facts).breaches).toMatchObject([{ check: 'survivors' }]);
    expect(compareBooks({ ...facts, struck: [...well.struck, of('c9')] }).breaches).toMatchObject([
      { check: 'survivors' },
    ]);
    for (const struck of [of('c1'), of('c1', 1_950)])
      expect(compareBooks({ ...facts, struck: [...well.struck, struck] }).breaches).toEqual([]);
  });

  it('show an orchestrator that ended by itself', () => {
    expect(breachesOf({ crashes: ['orchestrator-1 with 1'] })).toEqual(['crashes: ended by itself']);
  });

  it('show whatever is left', () => {
    expect(breachesOf({ left: { containers: ['clawcage-x'] } })).toEqual([
      'left: 1 left, among them clawcage-x',
    ]);
  });
});
