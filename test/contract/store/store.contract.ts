import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newTenant, type Tenant } from '../../support/store-rows.ts';
import { cagesContract } from './cages.contract.ts';
import { holdersContract } from './holders.contract.ts';
import { placesContract } from './places.contract.ts';
import { ledgerContract } from './ledger.contract.ts';
import { leftoversContract } from './leftovers.contract.ts';
import { batchesContract } from './batches.contract.ts';
import { queueDepthContract } from './queue-depth.contract.ts';
import { deliveriesContract } from './deliveries.contract.ts';
import { usageContract } from './usage.contract.ts';
import type { Opened, Subject } from './subject.ts';
import { tasksContract } from './tasks.contract.ts';
import { waitingTasksContract } from './waiting-tasks.contract.ts';

/** What every database promises. */
export function storeContract(open: () => Promise<Opened>): void {
  let opened: Opened;
  let tenant: Tenant;
  const subject = (): Subject => ({ store: opened.store, other: opened.other, tenant });

  beforeAll(async () => {
    opened = await open();
  });
  afterAll(() => opened.close());
  beforeEach(async () => {
    tenant = await newTenant(opened.store);
  });

  describe('organisations and settings', () => {
    it('there is one organisation from the first start, the same for all who ask at once', async () => {
      const { store, other } = opened;
      const firsts = await Promise.all(
        [store, other, store, other].map((each) => each.organisations.first()),
      );
      expect(new Set(firsts.map(({ id }) => id)).size).toBe(1);
    });

    it('limits of an organisation are set one by one, and taken away with null', async () => {
      const { organisations } = opened.store;
      const { organisation } = tenant;
      const none = { requestsPerMinute: null, tokensPerMinute: null, maxCages: null };
      expect(await organisations.byId(organisation)).toMatchObject(none);
      expect(await organisations.setCaps(organisation, { maxCages: 4 })).toMatchObject({
        ...none,
        maxCages: 4,
      });
      await organisations.setCaps(organisation, { requestsPerMinute: 0, maxCages: undefined });
      await organisations.setCaps(organisation, {});
      expect(await organisations.byId(organisation)).toMatchObject({
        ...none,
        maxCages: 4,
        requestsPerMinute: 0,
      });
      expect(await organisations.setCaps(organisation, none)).toMatchObject(none);
      expect(await organisations.setCaps('org_none', { maxCages: 1 })).toBeUndefined();
    });

    it('a setting is what was set last, of any JSON form', async () => {
      const { store } = opened;
      expect(await store.settings.get('none')).toBeUndefined();
      for (const value of ['text', 7, null, true, { runId: 'a', snake_case: [1, { deepKey: 2 }] }]) {
        await store.settings.set('redis', value);
        expect(await store.settings.get('redis')).toEqual(value);
      }
    });

    it('what is set once stays, whoever else tries at the same time', async () => {
      const { store, other } = opened;
      const name = `once-${randomBytes(4).toString('hex')}`;
      const all = await Promise.all(
        [store, other, store, other].map((each, at) => each.settings.setOnce(name, at)),
      );
      expect(new Set(all).size).toBe(1);
    });

    it('answers a ping, and one whose time is over says so', async () => {
      await opened.store.ping(AbortSignal.timeout(5000));
      await expect(opened.store.ping(AbortSignal.abort())).rejects.toMatchObject({
        code: 'store_unavailable',
      });
    });
  });

  describe('keys', () => {
    it('come back as they were put in', async () => {
      const { store } = opened;
      const { organisation, key } = tenant;
      const read = await store.keys.byId(organisation, key.id);
      expect(read).toEqual(key);
      expect(read).toMatchObject({ organisation, version: 1, state: 'active', ca: null, verifiedAt: null });
      expect(Buffer.isBuffer(read?.record)).toBe(true);
      expect(read?.createdAt).toBeInstanceOf(Date);
      expect(key.id).toMatch(/^key_[0-9a-z]{20}$/);
      await store.keys.markVerified(organisation, key.id, new Date(1_000));
      expect((await store.keys.byName(organisation, 'main'))?.verifiedAt).toEqual(new Date(1_000));
    });

    it('have a name that is theirs in their organisation until they are revoked', async () => {
      const { store } = opened;
      await expect(tenant.addKey()).rejects.toMatchObject({ code: 'name_taken', details: { name: 'main' } });
      await expect(newTenant(store)).resolves.toBeDefined();
      await store.keys.revoke(tenant.organisation, tenant.key.id);
      expect((await store.keys.byName(tenant.organisation, 'main'))?.state).toBe('revoked');
      const second = await tenant.addKey();
      expect((await store.keys.byName(tenant.organisation, 'main'))?.id).toBe(second.id);
      expect(await store.keys.list(tenant.organisation)).toHaveLength(2);
    });

    it('take one name once where two add it at once', async () => {
      const results = await Promise.allSettled([tenant.addKey('race'), tenant.addKey('race')]);
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(results.find((result) => result.status === 'rejected')?.reason).toMatchObject({
        code: 'name_taken',
      });
    });

    it('are without a record once revoked, for good', async () => {
      const { store } = opened;
      const { organisation, key } = tenant;
      expect(await store.keys.revoke(organisation, key.id)).toMatchObject({ state: 'revoked', record: null });
      expect(await store.keys.revoke(organisation, key.id)).toMatchObject({ state: 'revoked' });
      expect((await store.keys.allRecords()).some(({ id }) => id === key.id)).toBe(false);
      const next = { version: 2, record: Buffer.from('next'), masked: '…', verifiedAt: null };
      await expect(store.keys.rotate(organisation, key.id, next)).rejects.toMatchObject({
        code: 'key_revoked',
      });
      expect(await store.keys.replaceRecord({ ...key, record: key.record! }, Buffer.from('back'))).toBe(
        false,
      );
    });

    it('are rotated by one of two who try at once', async () => {
      const { store, other } = opened;
      const { organisation, key } = tenant;
      const next = (text: string) => ({
        version: 2,
        record: Buffer.from(text),
        masked: text,
        verifiedAt: null,
      });
      const results = await Promise.allSettled([
        store.keys.rotate(organisation, key.id, next('a')),
        other.keys.rotate(organisation, key.id, next('b')),
      ]);
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(results.find((result) => result.status === 'rejected')?.reason).toMatchObject({
        code: 'conflict',
      });
      expect((await store.keys.byId(organisation, key.id))?.version).toBe(2);
      await expect(store.keys.rotate(organisation, 'key_none', next('c'))).rejects.toMatchObject({
        code: 'not_found',
      });
    });

    it('are rewrapped only where they are still what was read', async () => {
      const { store } = opened;
      const mine = (await store.keys.allRecords()).find(({ id }) => id === tenant.key.id)!;
      expect(mine).toMatchObject({ organisation: tenant.organisation, provider: 'openai', version: 1 });
      expect(await store.keys.replaceRecord(mine, Buffer.from('rewrapped'))).toBe(true);
      expect(await store.keys.replaceRecord(mine, Buffer.from('late'))).toBe(false);
      expect((await store.keys.byId(tenant.organisation, mine.id))?.record?.toString()).toBe('rewrapped');
    });

    it('have caps that are set one by one, and taken away with null', async () => {
      const { store } = opened;
      const { organisation, key } = tenant;
      const set = (caps: Parameters<typeof store.keys.setCaps>[2]) =>
        store.keys.setCaps(organisation, key.id, caps);
      expect(key).toMatchObject({ requestsPerMinute: null, tokensPerMinute: null });
      expect(await set({ requestsPerMinute: 0 })).toMatchObject({
        requestsPerMinute: 0,
        tokensPerMinute: null,
      });
      expect(await set({ tokensPerMinute: 1_000_000_000, requestsPerMinute: undefined })).toMatchObject({
        requestsPerMinute: 0,
        tokensPerMinute: 1_000_000_000,
      });
      expect(await set({ requestsPerMinute: null })).toEqual(await set({}));
      expect(await store.keys.byId(organisation, key.id)).toEqual({ ...key, tokensPerMinute: 1_000_000_000 });
      expect(await store.keys.setCaps(organisation, 'key_none', { tokensPerMinute: 1 })).toBeUndefined();
    });

    it('are in use by the Claws that are not deleted', async () => {
      const { store } = opened;
      const { organisation, key, claw } = tenant;
      await tenant.addClaw('second');
      expect(await store.keys.inUse(organisation, key.id)).toBe(2);
      await store.claws.delete(organisation, claw.id);
      expect(await store.keys.inUse(organisation, key.id)).toBe(1);
    });
  });

  describe('claws', () => {
    it('come back as they were put in, and are changed field by field', async () => {
      const { store } = opened;
      const { organisation, claw } = tenant;
      expect(claw).toMatchObject({
        name: 'worker',
        state: 'stopped',
        requestsPerMinute: null,
        tokensPerMinute: 1000,
      });
      expect(await store.claws.byName(organisation, 'worker')).toEqual(claw);
      const patched = await store.claws.patch(organisation, claw.id, {
        tokensPerMinute: null,
        model: 'other',
        concurrency: undefined,
      });
      expect(patched).toMatchObject({ tokensPerMinute: null, model: 'other', concurrency: 2, key: claw.key });
      expect(patched!.updatedAt.getTime()).toBeGreaterThanOrEqual(claw.updatedAt.getTime());
      expect(await store.claws.setState(organisation, claw.id, 'deployed')).toMatchObject({
        state: 'deployed',
      });
    });

    it("lose their name and their place in the list when deleted, but not their tasks' memory of them", async () => {
      const { store } = opened;
      const { organisation, claw } = tenant;
      await store.claws.setState(organisation, claw.id, 'deployed');
      expect(await store.claws.delete(organisation, claw.id)).toBe(true);
      expect(await store.claws.delete(organisation, claw.id)).toBe(false);
      expect(await store.claws.byName(organisation, 'worker')).toBeUndefined();
      expect(await store.claws.list(organisation)).toEqual([]);
      expect(await store.claws.byId(organisation, claw.id)).toMatchObject({
        name: 'worker',
        state: 'stopped',
      });
      expect(await store.claws.setState(organisation, claw.id, 'deployed')).toBeUndefined();
      expect((await tenant.addClaw('worker')).id).not.toBe(claw.id);
    });

    it('have one bearer of a name', async () => {
      await expect(tenant.addClaw('worker')).rejects.toMatchObject({ code: 'name_taken' });
    });

    it('refuse a text with a NUL with a code', async () => {
      const { store } = opened;
      const patch = store.claws.patch(tenant.organisation, tenant.claw.id, { instructions: 'a\0b' });
      await expect(patch).rejects.toMatchObject({ code: 'request_invalid' });
    });
  });

  describe('tenants', () => {
    it('see and change nothing of each other', async () => {
      const { store } = opened;
      const { task } = await tenant.addTask();
      const cage = await tenant.addCage();
      const { organisation: stranger } = await newTenant(store);
      const { claw, key } = tenant;
      expect(await store.keys.byId(stranger, key.id)).toBeUndefined();
      expect(await store.keys.revoke(stranger, key.id)).toBeUndefined();
      expect(await store.keys.setCaps(stranger, key.id, { tokensPerMinute: 0 })).toBeUndefined();
      await store.organisations.setCaps(stranger, { tokensPerMinute: 0, maxCages: 1 });
      expect(await store.organisations.byId(tenant.organisation)).toMatchObject({
        tokensPerMinute: null,
        maxCages: null,
      });
      expect(await store.claws.byId(stranger, claw.id)).toBeUndefined();
      expect(await store.claws.patch(stranger, claw.id, { model: 'x' })).toBeUndefined();
      expect(await store.claws.delete(stranger, claw.id)).toBe(false);
      expect(await store.tasks.byId(stranger, task.id)).toBeUndefined();
      expect(await store.tasks.sealedInput(stranger, task.id)).toBeNull();
      expect(await store.tasks.takeEpoch({ ...task, organisation: stranger }, 'orch_1')).toBeUndefined();
      expect(await store.tasks.finish({ ...task, organisation: stranger }, 'cancelled')).toBeUndefined();
      expect(await store.tasks.requestCancel(stranger, task.id)).toBe(false);
      expect((await store.tasks.list(stranger, { limit: 10 })).items).toEqual([]);
      expect(await store.tasks.nonFinalOf(stranger, claw.id)).toEqual([]);
      expect(await store.cages.byId(stranger, cage.id)).toBeUndefined();
      expect(await store.cages.takeOver({ ...cage, organisation: stranger }, tenant.holder)).toBeUndefined();
      expect(await store.cages.end(stranger, cage.id, tenant.holder)).toBe(false);
      const wish = { organisation: stranger, claw: claw.id, id: 'task_x', epoch: 1 };
      expect(await store.cages.claimWarm(wish, tenant.holder)).toBeUndefined();
      expect(await store.keys.byId(tenant.organisation, key.id)).toEqual(key);
      expect(await store.tasks.byId(tenant.organisation, task.id)).toEqual(task);
    });

    it("cannot point a Claw, a task or a cage at another's", async () => {
      const { store } = opened;
      const stranger = await newTenant(store);
      const missing = { code: 'not_found' };
      await expect(
        store.claws.patch(stranger.organisation, stranger.claw.id, { key: tenant.key.id }),
      ).rejects.toMatchObject(missing);
      await expect(stranger.addTask(undefined, tenant.claw.id)).rejects.toMatchObject(missing);
      await expect(stranger.addCage(tenant.claw.id)).rejects.toMatchObject(missing);
    });
  });

  tasksContract(subject);
  waitingTasksContract(subject);
  queueDepthContract(subject);
  cagesContract(subject);
  holdersContract(subject);
  placesContract(subject);
  ledgerContract(subject);
  leftoversContract(subject);
  usageContract(subject);
  batchesContract(subject);
  deliveriesContract(subject);
}
