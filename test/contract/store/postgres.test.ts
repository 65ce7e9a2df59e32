import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../../orchestrator/store/store.ts';
import { eventually } from '../../support/eventually.ts';
import { TestPostgres } from '../../support/postgres.ts';
import { newTenant } from '../../support/store-rows.ts';
import { storeContract } from './store.contract.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await TestPostgres.start();
});
afterAll(() => postgres[Symbol.asyncDispose]());

const quiet = { home: '/nowhere', log: { warn: () => undefined } };

describe('the store on PostgreSQL', () => {
  storeContract(async () => {
    const databaseUrl = await postgres.newDatabase();
    const store = await openStore({ ...quiet, databaseUrl });
    const other = await openStore({ ...quiet, databaseUrl });
    return { store, other, close: async () => void (await Promise.all([store.close(), other.close()])) };
  });

  it('makes its tables once where several start at once', async () => {
    const databaseUrl = await postgres.newDatabase();
    const stores = await Promise.all([1, 2, 3].map(() => openStore({ ...quiet, databaseUrl })));
    const firsts = await Promise.all(stores.map((store) => store.organisations.first()));
    expect(new Set(firsts.map(({ id }) => id)).size).toBe(1);
    await Promise.all(stores.map((store) => store.close()));
  });

  it('forgets an Idempotency-Key after a day', async () => {
    const databaseUrl = await postgres.newDatabase();
    await using store = await disposable(databaseUrl);
    const tenant = await newTenant(store);
    const key = { idempotencyKey: randomBytes(4).toString('hex'), idempotencyHash: 'a' };
    const first = await tenant.addTask(key);
    await postgres.query(
      databaseUrl,
      `update tasks set created_at = created_at - interval '23 hours 59 minutes'`,
    );
    expect((await tenant.addTask(key)).task.id).toBe(first.task.id);
    await postgres.query(databaseUrl, `update tasks set created_at = created_at - interval '2 minutes'`);
    const next = await tenant.addTask({ ...key, idempotencyHash: 'b' });
    expect(next.created).toBe(true);
    expect((await tenant.addTask({ ...key, idempotencyHash: 'b' })).task.id).toBe(next.task.id);
  });

  it('is unavailable while the server is gone, and there again after it', async () => {
    const databaseUrl = await postgres.newDatabase();
    await using store = await disposable(databaseUrl);
    const { id } = await store.organisations.first();
    await postgres.kill();
    await expect(store.ping()).rejects.toMatchObject({ code: 'store_unavailable', verdict: 'retryable' });
    await expect(store.organisations.first()).rejects.toMatchObject({ code: 'store_unavailable' });
    await expect(openStore({ ...quiet, databaseUrl })).rejects.toMatchObject({ code: 'store_unavailable' });
    await postgres.resume();
    await eventually(async () => expect((await store.organisations.first()).id).toBe(id));
  });

  it('is unavailable where nobody listens or the name leads nowhere', async () => {
    for (const databaseUrl of [
      'postgres://u@127.0.0.1:1/db',
      'postgres://u@no.such.host.invalid/db',
      postgres.url('no_such_database'),
    ]) {
      await expect(openStore({ ...quiet, databaseUrl })).rejects.toMatchObject({ code: 'store_unavailable' });
    }
  });
});

async function disposable(databaseUrl: string) {
  const store = await openStore({ ...quiet, databaseUrl });
  return { ...store, [Symbol.asyncDispose]: () => store.close() };
}
