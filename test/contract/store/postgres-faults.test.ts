import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore, type Store } from '../../../orchestrator/store/store.ts';
import { TestPostgres } from '../../support/postgres.ts';
import { until } from '../../support/service.ts';

let postgres: TestPostgres;
let databaseUrl: string;
let store: Store;
beforeAll(async () => {
  postgres = await TestPostgres.start();
  databaseUrl = await postgres.newDatabase();
  store = await openStore({ home: '/nowhere', databaseUrl, log: { warn: () => undefined } });
});
afterAll(async () => {
  await store.close();
  await postgres[Symbol.asyncDispose]();
});

const UNAVAILABLE = { code: 'store_unavailable', status: 503, verdict: 'retryable' };
const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const began = performance.now();
  await expect(work()).rejects.toMatchObject(UNAVAILABLE);
  return performance.now() - began;
};

describe('a PostgreSQL that hangs', () => {
  it('is found in seconds, then told at once; all who wait are told, and everything goes on when it answers again', async () => {
    const { id } = await store.organisations.first();
    postgres.pause();
    try {
      const waits = Promise.all(Array.from({ length: 30 }, () => timed(() => store.organisations.first())));
      expect(Math.max(...(await waits))).toBeLessThan(8_000);
      expect(await timed(() => store.settings.set('a', 1))).toBeLessThan(1_000);
    } finally {
      postgres.wake();
    }
    const back = () =>
      store.ping().then(
        () => true,
        () => false,
      );
    await until(back, 'the database to be used again', 15_000);
    expect((await store.organisations.first()).id).toBe(id);
  });

  it('but only for one long query is not given up', async () => {
    const longest = postgres.rows(databaseUrl, 'begin; lock table settings; select pg_sleep(4); commit');
    await until(
      async () =>
        (
          await postgres.rows<{ n: number }>(
            databaseUrl,
            `select count(*)::int as n from pg_locks where mode = 'AccessExclusiveLock'`,
          )
        )[0]!.n > 0,
      'the lock',
    );
    await store.settings.set('long', 'waited for');
    await longest;
    expect(await store.settings.get('long')).toBe('waited for');
  });
});
