import { afterEach, describe, expect, it, vi } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { Standings } from '../../../orchestrator/launch/standings.ts';

const CAPS = { requestsPerMinute: null, tokensPerMinute: 1000 };
const CLAW = {
  ...CAPS,
  id: 'c',
  organisation: 'o',
  key: 'k',
  state: 'deployed',
  weight: 1,
  callsAtOnce: null,
};

/** Rows that a test changes, and a database that it takes away. */
function database() {
  const rows = {
    claw: CLAW as typeof CLAW | undefined,
    key: { ...CAPS, id: 'k' } as typeof CAPS | undefined,
    organisation: { ...CAPS, id: 'o' },
  };
  const state = { away: false };
  const reads: string[] = [];
  const read = async <T>(id: string, row: () => T): Promise<T> => {
    reads.push(id);
    if (state.away) throw new CodedError('store_unavailable');
    return row();
  };
  const standings = new Standings({
    claws: { byId: (_organisation: string, id: string) => read(id, () => rows.claw) },
    keys: { byId: (_organisation: string, id: string) => read(id, () => rows.key) },
    organisations: { byId: (id: string) => read(id, () => rows.organisation) },
  } as never);
  return { rows, state, reads, standings };
}

const clawNamed = (id: string) => ({ ...CLAW, id }) as never;
const away = { code: 'store_unavailable' };
afterEach(() => void vi.useRealTimers());

describe('what is in force for the calls of an attempt', () => {
  it('is all three levels, each with its caps', async () => {
    const { standings } = database();
    expect(await standings.of(CLAW as never)()).toMatchObject({
      levels: [
        { level: 'claw', id: 'c', tokensPerMinute: 1000 },
        { level: 'key', id: 'k', tokensPerMinute: 1000 },
        { level: 'organisation', id: 'o', tokensPerMinute: 1000 },
      ],
    });
  });

  it('holds at its first call, too, while the database is away that the attempt began with', async () => {
    const { standings, state } = database();
    const standing = standings.of(CLAW as never);
    await new Promise(setImmediate);
    state.away = true;
    expect(await standing()).toMatchObject({ weight: 1 });
  });

  it('permits nothing to a Claw that is stopped or deleted, and refuses where its key is no more', async () => {
    for (const claw of [{ ...CLAW, state: 'stopped' }, undefined]) {
      const { standings, rows } = database();
      rows.claw = claw;
      expect(await standings.of(CLAW as never)()).toMatchObject({ paused: 'claw stopped' });
    }
    const { standings, rows } = database();
    rows.key = undefined;
    await expect(standings.of(CLAW as never)()).rejects.toMatchObject({ code: 'key_revoked' });
  });

  it('is read once for all attempts of the moment, of whichever Claw, and seen to have changed within half a second', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { standings, rows, reads } = database();
    const attempts = ['c', 'c', 'd'].map((id) => standings.of(clawNamed(id)));
    await Promise.all(attempts.map((standing) => standing()));
    expect(reads.toSorted()).toEqual(['c', 'd', 'k', 'o']);
    rows.claw = { ...CLAW, weight: 3 };
    rows.key = { ...rows.key!, tokensPerMinute: 7 };
    rows.organisation.tokensPerMinute = 8;
    vi.advanceTimersByTime(500);
    for (const standing of attempts)
      expect(await standing()).toMatchObject({
        weight: 3,
        levels: [{ tokensPerMinute: 1000 }, { tokensPerMinute: 7 }, { tokensPerMinute: 8 }],
      });
    expect(reads).toHaveLength(8);
  });

  it('is that of the last time for as long as the database is away, and for attempts that begin then', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { standings, state, rows } = database();
    const running = standings.of(CLAW as never);
    await running();
    state.away = true;
    vi.advanceTimersByTime(3_600_000);
    expect(await running()).toMatchObject({ weight: 1 });
    expect(await standings.of(CLAW as never)()).toMatchObject({ weight: 1 });
    await expect(standings.of(clawNamed('never read'))()).rejects.toMatchObject(away);
    state.away = false;
    rows.claw = { ...CLAW, weight: 3 };
    vi.advanceTimersByTime(500);
    expect(await running()).toMatchObject({ weight: 3 });
  });

  it('is kept of a thousand Claws: the one that was not asked for the longest is forgotten first', async () => {
    const { standings, state } = database();
    const [busy, idle] = [clawNamed('busy'), clawNamed('idle')];
    await standings.of(busy)();
    await standings.of(idle)();
    for (let nth = 0; nth < 998; nth++) await standings.of(clawNamed(`other-${nth}`))();
    await standings.of(busy)();
    await standings.of(clawNamed('one more'))();
    state.away = true;
    expect(await standings.of(busy)()).toMatchObject({ weight: 1 });
    await expect(standings.of(idle)()).rejects.toMatchObject(away);
  });
});
