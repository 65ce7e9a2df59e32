import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { MOST_AT_ONCE } from '../../../orchestrator/room/intake.ts';
import { roomProbes } from '../../../orchestrator/room/probes.ts';
import { MachineRoom } from '../../../orchestrator/room/room.ts';
import { Readiness } from '../../../orchestrator/status/readiness.ts';

const GIB = 1024 ** 3;

/** A machine whose figures the test sets. */
async function machine({ engineHere = true } = {}) {
  const free = { '/home/c': 10 * GIB, '/var/engine': 10 * GIB, memory: 8 * GIB };
  let woken = 0;
  const engine = { answers: true };
  const room = new MachineRoom({
    home: '/home/c',
    engineRoot: async () => (engineHere ? '/var/engine' : undefined),
    engineAnswers: async () => {
      if (!engine.answers) throw new CodedError('runtime_unavailable');
    },
    least: { diskBytes: GIB, memoryBytes: GIB },
    onRoom: () => void woken++,
    disk: async (path) => free[path as '/home/c'],
    memory: async () => ({ availableBytes: free.memory, totalBytes: 16 * GIB }),
  });
  await room.findEngine();
  return { free, room, engine, woken: () => woken };
}

beforeEach(() => vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] }));
afterEach(() => vi.useRealTimers());
const later = (ms = 1500) => vi.advanceTimersByTime(ms);

describe('the room for a start', () => {
  it('is there, and is said to be, on a machine that has some', async () => {
    const { room } = await machine();
    expect(await room.enter(GIB)).toBeTypeOf('function');
    const { ready, parts } = await new Readiness(roomProbes(room)).check();
    expect({ ready, parts }).toEqual({
      ready: true,
      parts: { disk: { ok: true }, memory: { ok: true }, intake: { ok: true } },
    });
  });

  it('is not there while the engine does not answer, and whoever waits is woken when it does', async () => {
    const { room, engine, woken } = await machine();
    room.failed(new CodedError('cage_start_failed'));
    expect(await room.enter(0)).toBeTypeOf('function');
    engine.answers = false;
    for (let failed = 0; failed < 4; failed++) room.failed(new CodedError('runtime_unavailable'));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await room.enter(0)).toBe('the container engine does not answer');
    expect(woken()).toBe(0);
    engine.answers = true;
    await vi.advanceTimersByTimeAsync(5000);
    expect(await room.enter(0)).toBeTypeOf('function');
    expect(woken()).toBe(1);
  });

  it.each(['/home/c', '/var/engine'] as const)(
    'lacks a disk on %s; until there is more than the least',
    async (path) => {
      const { room, free } = await machine();
      free[path] = GIB - 1;
      expect(await room.enter(0)).toBe(`disk space on ${path}`);
      expect(await room.shortage()).toBe(`disk space on ${path}`);
      expect((await new Readiness(roomProbes(room)).check()).ready).toBe(false);
      free[path] = GIB + 1;
      later();
      expect(await room.shortage()).toBe(`disk space on ${path}`);
      free[path] = 2 * GIB;
      later();
      expect(await room.shortage()).toBeUndefined();
    },
  );

  it('lacks memory for one cage and has it for a smaller one; what starts at the same time counts', async () => {
    const { room, free } = await machine();
    free.memory = 4 * GIB;
    expect(await room.enter(4 * GIB)).toBe('memory of this machine');
    const first = await room.enter(GIB);
    expect(first).toBeTypeOf('function');
    expect(await room.enter(2.5 * GIB)).toBe('memory of this machine');
    (first as () => void)();
    later();
    expect(await room.enter(2.9 * GIB)).toBe('memory of this machine');
    free.memory = 6 * GIB;
    later();
    expect(await room.enter(2.9 * GIB)).toBeTypeOf('function');
  });

  it('of memory is ready all the same, with the reason: tasks wait', async () => {
    const { room, free } = await machine();
    free.memory = GIB / 2;
    const { ready, parts } = await new Readiness(roomProbes(room)).check();
    expect(ready).toBe(true);
    expect(parts.memory).toEqual({ ok: true, reason: expect.stringContaining('memory of this machine') });
  });

  it('is not asked of this machine where the engine is on another, but for the home', async () => {
    const { room, free } = await machine({ engineHere: false });
    free.memory = 0;
    free['/var/engine'] = 0;
    expect(await room.enter(GIB)).toBeTypeOf('function');
    free['/home/c'] = 0;
    later();
    expect(await room.enter(GIB)).toBe('disk space on /home/c');
  });
});

describe('an engine that answers slowly', () => {
  it('gets fewer starts at once, before the slow one has ended; who was refused is told when one has', async () => {
    const { room, woken } = await machine();
    const slow = Promise.withResolvers<void>();
    const starting = room.timed(() => slow.promise);
    const leave = (await room.enter(0)) as () => void;
    later(10_000);
    expect(room.intake).toEqual({ limit: MOST_AT_ONCE / 2, most: MOST_AT_ONCE });
    await room.enter(0);
    expect(await room.enter(0)).toBe('the engine is slow');
    expect(woken()).toBe(0);
    leave();
    leave();
    expect(woken()).toBe(1);
    expect(await room.enter(0)).toBeTypeOf('function');
    slow.resolve();
    await starting;
    expect(room.intake.limit).toBe(MOST_AT_ONCE / 2);
    expect((await new Readiness(roomProbes(room)).check()).parts.intake).toEqual({
      ok: true,
      reason: 'the engine is slow: 2 of 4 cages are started at once',
    });
  });

  it('is trusted again as it recovers', async () => {
    const { room } = await machine();
    await room.timed(async () => later(10_000));
    expect(room.intake.limit).toBe(2);
    for (let start = 0; start < 5; start++) await room.timed(async () => later(500));
    expect(room.intake.limit).toBe(MOST_AT_ONCE);
  });

  it('is not slow for a start that fails at once, and is for one that fails late', async () => {
    const { room } = await machine();
    const failing = (ms: number) =>
      room
        .timed(async () => {
          later(ms);
          throw new Error('no');
        })
        .catch(() => undefined);
    await failing(10);
    expect(room.intake.limit).toBe(MOST_AT_ONCE);
    await failing(30_000);
    expect(room.intake.limit).toBe(2);
  });
});
