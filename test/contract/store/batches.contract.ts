import { describe, expect, it } from 'vitest';
import type { NewTask } from '../../../orchestrator/store/new-task.ts';
import type { Subject } from './subject.ts';

export function batchesContract(subject: () => Subject): void {
  const tasks = (count: number, batch: string): NewTask[] => {
    const { store, tenant } = subject();
    return Array.from({ length: count }, (_, index) => ({
      id: store.tasks.newId(),
      organisation: tenant.organisation,
      claw: tenant.claw.id,
      sealedInput: Buffer.from([index & 255]),
      timeoutMs: 60_000,
      batch,
      ref: `line ${index + 1}`,
    }));
  };
  const add = async (count: number, idempotency?: { idempotencyKey: string; idempotencyHash: string }) => {
    const { store, tenant } = subject();
    const id = store.batches.newId();
    const batch = { id, organisation: tenant.organisation, claw: tenant.claw.id, ...idempotency };
    return store.batches.create(batch, tasks(count, id));
  };

  describe('batches', () => {
    it('come with all their tasks, in their order', async () => {
      const { store, tenant } = subject();
      const { batch, created } = await add(250);
      expect(created).toBe(true);
      expect(batch).toMatchObject({ total: 250, claw: tenant.claw.id });
      const first = await store.batches.tasks(tenant.organisation, batch.id, undefined, 200);
      const rest = await store.batches.tasks(tenant.organisation, batch.id, first.at(-1)!.id, 200);
      expect([...first, ...rest].map(({ ref }) => ref)).toEqual(
        Array.from({ length: 250 }, (_, index) => `line ${index + 1}`),
      );
      expect(await store.batches.states(tenant.organisation, [batch.id])).toEqual(
        new Map([[batch.id, { queued: 250 }]]),
      );
    });

    it('come as a whole or not at all', async () => {
      const { store, tenant } = subject();
      const id = store.batches.newId();
      const rows = tasks(150, id);
      rows[149] = { ...rows[149]!, id: rows[0]!.id };
      const batch = { id, organisation: tenant.organisation, claw: tenant.claw.id };
      await expect(store.batches.create(batch, rows)).rejects.toThrow();
      expect(await store.batches.byId(tenant.organisation, id)).toBeUndefined();
      expect(await store.tasks.nonFinalOf(tenant.organisation, tenant.claw.id)).toEqual([]);
    });

    it('are made once for an Idempotency-Key, whoever is first, and not with another body', async () => {
      const { store, tenant } = subject();
      const key = { idempotencyKey: 'once', idempotencyHash: 'a' };
      const made = await Promise.all([add(3, key), add(3, key), add(3, key)]);
      expect(made.filter(({ created }) => created)).toHaveLength(1);
      expect(new Set(made.map(({ batch }) => batch.id)).size).toBe(1);
      expect(await store.tasks.nonFinalOf(tenant.organisation, tenant.claw.id)).toHaveLength(3);
      await expect(add(3, { ...key, idempotencyHash: 'b' })).rejects.toMatchObject({
        code: 'idempotency_mismatch',
      });
      const { organisation, claw } = tenant;
      expect(await store.batches.ofKey({ organisation, claw: claw.id, ...key })).toEqual(made[0]!.batch);
    });

    it('are listed newest first, page by page', async () => {
      const { store, tenant } = subject();
      const ids: string[] = [];
      for (let index = 0; index < 3; index++) ids.unshift((await add(1)).batch.id);
      const page = await store.batches.list(tenant.organisation, { limit: 2 });
      expect(page.items.map(({ id }) => id)).toEqual(ids.slice(0, 2));
      const next = await store.batches.list(tenant.organisation, { limit: 2, cursor: page.nextCursor! });
      expect(next).toMatchObject({ items: [{ id: ids[2] }], nextCursor: null });
      const wrong = store.batches.list(tenant.organisation, { limit: 2, cursor: 'x' });
      await expect(wrong).rejects.toMatchObject({ code: 'request_invalid' });
    });

    it('mark what has not ended when they are to be cancelled', async () => {
      const { store, tenant } = subject();
      const { batch } = await add(3);
      const [first] = await store.batches.tasks(tenant.organisation, batch.id, undefined, 1);
      await store.tasks.finish(await tenant.seen(first!.id), 'timed_out');
      const marked = await store.batches.requestCancel(tenant.organisation, batch.id);
      expect(marked.map(({ ref, cancelRequested }) => [ref, cancelRequested])).toEqual([
        ['line 3', true],
        ['line 2', true],
      ]);
    });

    it("are nobody else's", async () => {
      const { store, tenant } = subject();
      const { batch } = await add(1);
      expect(await store.batches.byId('org_other', batch.id)).toBeUndefined();
      expect(await store.batches.tasks('org_other', batch.id, undefined, 10)).toEqual([]);
      expect(await store.batches.requestCancel('org_other', batch.id)).toEqual([]);
      expect((await store.batches.list('org_other', { limit: 10 })).items).toEqual([]);
      expect(await store.batches.byId(tenant.organisation, batch.id)).toEqual(batch);
    });
  });

  describe('lists of keys and Claws', () => {
    it('come page by page, and by state', async () => {
      const { store, tenant } = subject();
      const { organisation } = tenant;
      const second = await tenant.addKey('second');
      await tenant.addKey('third');
      await store.keys.revoke(organisation, second.id);
      const one = await store.keys.page(organisation, { limit: 2 });
      const two = await store.keys.page(organisation, { limit: 2, cursor: one.nextCursor! });
      expect([...one.items, ...two.items].map(({ name }) => name)).toEqual(['main', 'second', 'third']);
      expect(two.nextCursor).toBeNull();
      const revoked = await store.keys.page(organisation, { limit: 2, state: 'revoked' });
      expect(revoked.items.map(({ name }) => name)).toEqual(['second']);

      await tenant.addClaw('other');
      await store.claws.setState(organisation, tenant.claw.id, 'deployed');
      const claws = await store.claws.page(organisation, { limit: 1 });
      const rest = await store.claws.page(organisation, { limit: 1, cursor: claws.nextCursor! });
      expect([...claws.items, ...rest.items].map(({ name }) => name)).toEqual(['worker', 'other']);
      const deployed = await store.claws.page(organisation, {
        limit: 5,
        state: 'deployed',
        key: tenant.key.id,
      });
      expect(deployed.items.map(({ name }) => name)).toEqual(['worker']);
      expect((await store.claws.page(organisation, { limit: 5, key: second.id })).items).toEqual([]);
    });
  });
}
