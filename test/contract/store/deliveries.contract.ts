import { describe, expect, it } from 'vitest';
import type { Subject } from './subject.ts';

export function deliveriesContract(subject: () => Subject): void {
  const LEASE_MS = 30_000;
  const add = async () => {
    const { store, tenant } = subject();
    const { task } = await tenant.addTask();
    const webhook = 'https://hooks.test/end';
    await store.deliveries.enqueue({ id: task.id, organisation: tenant.organisation, webhook });
    return task.id;
  };
  /** Of this tenant: others' wait in the same table. */
  const take = async (now: Date, from = subject().store) => {
    const taken = await from.deliveries.take(now, 1000, LEASE_MS);
    return taken.filter(({ organisation }) => organisation === subject().tenant.organisation);
  };
  const of = async (task: string) => {
    const { store, tenant } = subject();
    return (await store.deliveries.ofTask(tenant.organisation, task, { limit: 10 })).items;
  };

  describe('deliveries', () => {
    it('there is one for a task, however often it is told that it ended', async () => {
      const task = await add();
      const { store, tenant } = subject();
      const again = { id: task, organisation: tenant.organisation, webhook: 'https://hooks.test/other' };
      expect(await store.deliveries.enqueue(again)).toBe(false);
      expect(await of(task)).toMatchObject([
        {
          id: task.replace('task_', 'delivery_'),
          task,
          url: 'https://hooks.test/end',
          state: 'waiting',
          attempts: 0,
        },
      ]);
      expect((await store.deliveries.ofTask('org_other', task, { limit: 10 })).items).toEqual([]);
    });

    it('are taken by one of several at once, and again only when the lease is over', async () => {
      await add();
      const { store, other } = subject();
      const now = new Date(Date.now() + 1);
      const taken = (await Promise.all([take(now, store), take(now, other), take(now, store)])).flat();
      expect(taken).toMatchObject([{ attempts: 1 }]);
      expect(await take(new Date(now.getTime() + LEASE_MS - 1))).toEqual([]);
      expect(await take(new Date(now.getTime() + LEASE_MS))).toMatchObject([{ attempts: 2 }]);
    });

    it('wait for their next time, and stay as they ended', async () => {
      const task = await add();
      const { store } = subject();
      const now = new Date(Date.now() + 1);
      const [first] = await take(now);
      const nextAt = new Date(now.getTime() + 5000);
      await store.deliveries.settle(first!, { state: 'waiting', lastStatus: 500, lastError: null, nextAt });
      expect(await of(task)).toMatchObject([{ state: 'waiting', attempts: 1, lastStatus: 500, nextAt }]);
      expect(await take(new Date(nextAt.getTime() - 1))).toEqual([]);
      const [second] = await take(nextAt);
      const done = { state: 'delivered', lastStatus: 200, lastError: null, nextAt: null } as const;
      await store.deliveries.settle(first!, { ...done, state: 'failed' });
      expect(await of(task)).toMatchObject([{ state: 'waiting' }]);
      await store.deliveries.settle(second!, done);
      await store.deliveries.settle(second!, { ...done, state: 'failed' });
      expect(await of(task)).toMatchObject([{ attempts: 2, ...done }]);
      expect(await take(new Date(nextAt.getTime() + 10 * LEASE_MS))).toEqual([]);
    });

    it('that a crash left out are found', async () => {
      const { store, tenant } = subject();
      const { organisation, claw } = tenant;
      const id = store.tasks.newId();
      const webhook = 'https://hooks.test/end';
      const row = {
        id,
        organisation,
        claw: claw.id,
        sealedInput: Buffer.from('x'),
        timeoutMs: 1000,
        webhook,
      };
      await store.tasks.create(row);
      const missing = async () =>
        (await store.deliveries.missing(new Date())).filter((task) => task.organisation === organisation);
      expect(await missing()).toEqual([]);
      await store.tasks.finish(await tenant.seen(id), 'cancelled');
      expect(await missing()).toEqual([{ id, organisation, webhook }]);
      await store.deliveries.enqueue({ id, organisation, webhook });
      expect(await missing()).toEqual([]);
    });
  });

  describe('the secret of an organisation', () => {
    it('is set by one of several at once', async () => {
      const { store, other, tenant } = subject();
      const { organisation } = tenant;
      expect(await store.organisations.webhookSecret(organisation)).toBeNull();
      const set = await Promise.all(
        [store, other, store].map((each, index) =>
          each.organisations.replaceWebhookSecret(organisation, null, Buffer.from([index])),
        ),
      );
      expect(set.filter(Boolean)).toHaveLength(1);
      expect(await store.organisations.webhookSecret(organisation)).toEqual(Buffer.from([set.indexOf(true)]));
    });
  });
}
