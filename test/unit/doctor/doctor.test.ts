import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { Doctor } from '../../../orchestrator/doctor/doctor.ts';
import { compareClocks, examinations } from '../../../orchestrator/doctor/examinations.ts';
import type { LiveCage } from '../../../orchestrator/launch/live-cage.ts';

const fine = { name: 'fine', remedy: 'none', run: async () => 'as it should be' };
const cage = (ms: number, opened: { count: number }) => ({
  name: 'cage',
  remedy: 'look',
  run: async () => {
    opened.count++;
    await new Promise((resolve) => setTimeout(resolve, ms));
    return undefined;
  },
});

describe('the doctor', () => {
  it('tells what was found, and of what is wrong the reason and the remedy', async () => {
    const broken = {
      name: 'broken',
      remedy: 'mend it',
      run: async () => Promise.reject(new CodedError('cage_unproven', { failed: ['environ of the meter'] })),
    };
    const reply = await new Doctor([fine, broken]).examine('org', { cage: true });
    expect(reply).toMatchObject({
      ok: false,
      checks: [
        { name: 'fine', ok: true, found: 'as it should be' },
        {
          name: 'broken',
          ok: false,
          remedy: 'mend it',
          reason: expect.stringContaining('(environ of the meter)'),
        },
      ],
    });
  });

  it('does not wait for what does not answer', async () => {
    const stuck = {
      name: 'stuck',
      remedy: 'wake it',
      limitMs: 30,
      run: () => new Promise<undefined>(() => {}),
    };
    const { checks } = await new Doctor([stuck, fine]).examine('org', { cage: true });
    expect(checks).toMatchObject([{ ok: false, reason: 'no answer within 0.03 s' }, { ok: true }]);
  });

  it('opens one cage for all who ask at once, and none where it is not wanted', async () => {
    const opened = { count: 0 };
    const doctor = new Doctor([cage(20, opened), fine]);
    await Promise.all([1, 2, 3].map(() => doctor.examine('org', { cage: true })));
    expect(opened.count).toBe(1);
    expect((await doctor.examine('org', { cage: false })).checks.map(({ name }) => name)).toEqual(['fine']);
    await doctor.examine('org', { cage: true });
    expect(opened.count).toBe(2);
  });
});

describe('what is examined', () => {
  it('is that the clocks agree to two seconds', () => {
    expect(
      compareClocks([
        { name: 'Redis', aheadMs: -3 },
        { name: 'the database', aheadMs: 12 },
      ]),
    ).toBe('at most 12 ms apart');
    expect(() =>
      compareClocks([
        { name: 'Redis', aheadMs: 9000 },
        { name: 'the database', aheadMs: -2500 },
      ]),
    ).toThrow('that of Redis is 9.0 s ahead, that of the database is 2.5 s behind');
  });

  it('is a cage, which is ended also where its proof was all that was wanted', async () => {
    const ended: string[] = [];
    const opened = {
      cageId: 'cage-1',
      hello: { proof: { ok: true, checks: [{}, {}] } },
    } as unknown as LiveCage;
    const checks = parts({ open: async () => opened, end: async (_organisation, id) => ended.push(id) > 0 });
    expect(await checks.get('cage')!.run('org', new AbortController().signal)).toBe(
      'the agent cannot read the key: 2 checks',
    );
    expect(ended).toEqual(['cage-1']);
  });

  it('is that nobody else may look into the home', async () => {
    const home = mkdtempSync(join(tmpdir(), 'clawcage-doctor-'));
    try {
      const look = () => parts({}, home).get('home')!.run('org', new AbortController().signal);
      expect(await look()).toBe(home);
      chmodSync(home, 0o755);
      await expect(look()).rejects.toThrow('others may look into it (mode 755)');
    } finally {
      rmSync(home, { recursive: true });
    }
  });

  it('room for a start is lacking where disk, memory or the engine says so', async () => {
    const look = (room: object) => parts({}, '/', room).get('room')!.run('o', new AbortController().signal);
    expect(await look({})).toBe('for 4 starts at once');
    const disk = look({ shortage: async () => 'disk space on /data' });
    await expect(disk).rejects.toThrow('too little disk space on /data');
    const engine = look({ intake: { limit: 1, most: 4 } });
    await expect(engine).rejects.toThrow('the engine is slow: 1 of 4');
  });
});

function parts(
  keeper: Partial<Parameters<typeof examinations>[0]['keeper']>,
  home = '/',
  room: Partial<Parameters<typeof examinations>[0]['room']> = {},
) {
  const now = async () => new Date();
  const nothing = async () => undefined;
  const all = examinations({
    home,
    runtime: { name: 'fake', list: async () => [], prepare: nothing, gateAlive: async () => true },
    keeper: keeper as Parameters<typeof examinations>[0]['keeper'],
    room: {
      shortage: async () => undefined,
      memoryShortage: async () => undefined,
      intake: { limit: 4, most: 4 },
      ...room,
    },
    redis: { ping: nothing, now },
    store: { ping: nothing, now },
  });
  return new Map(all.map((one) => [one.name, one]));
}
