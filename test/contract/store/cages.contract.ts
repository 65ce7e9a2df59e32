import { describe, expect, it } from 'vitest';
import type { Subject } from './subject.ts';

export function cagesContract(subject: () => Subject): void {
  const warm = async () => {
    const { store, tenant } = subject();
    const cage = await tenant.addCage();
    await store.cages.setState(tenant.organisation, cage.id, 'warm');
    return cage.id;
  };

  describe('cages', () => {
    it('come back as they were put in', async () => {
      const { store, tenant } = subject();
      const cage = await tenant.addCage(null);
      expect(cage).toMatchObject({
        claw: null,
        purpose: 'verify',
        state: 'creating',
        task: null,
        epoch: 0,
        lastSeq: 0,
      });
      expect(await store.cages.byId(tenant.organisation, cage.id)).toEqual(cage);
      expect(Buffer.isBuffer(cage.linkSecretRecord)).toBe(true);
      await store.cages.delete(tenant.organisation, cage.id);
      await store.cages.delete(tenant.organisation, cage.id);
      expect(await store.cages.list(tenant.organisation)).toEqual([]);
    });

    it('that are warm go to one task each, oldest first', async () => {
      const { store, other, tenant } = subject();
      const { organisation, claw } = tenant;
      await tenant.addCage();
      for (let round = 0; round < 10; round += 1) {
        const cages = [await warm(), await warm()];
        const claims = await Promise.all(
          [store, other, store, other, store, other].map((each, at) =>
            each.cages.claimWarm(organisation, claw.id, `task_${round}_${at}`),
          ),
        );
        const claimed = claims.filter((row) => row !== undefined);
        expect(claimed.map(({ id }) => id).toSorted()).toEqual(cages);
        expect(new Set(claimed.map(({ task }) => task)).size).toBe(2);
        expect(claimed.every(({ state }) => state === 'assigned')).toBe(true);
        expect(await store.cages.warmOf(organisation, claw.id)).toEqual([]);
      }
    });

    it('go to the Claw that they were made for', async () => {
      const { store, tenant } = subject();
      const id = await warm();
      const second = await tenant.addClaw('second');
      expect(await store.cages.claimWarm(tenant.organisation, second.id, 'task_1')).toBeUndefined();
      expect((await store.cages.claimWarm(tenant.organisation, tenant.claw.id, 'task_1'))?.id).toBe(id);
    });

    it('are assigned to an attempt and found by its task', async () => {
      const { store, tenant } = subject();
      const { id } = await tenant.addCage();
      expect(await store.cages.assign(tenant.organisation, id, 'task_1', 3)).toBe(true);
      expect(await store.cages.ofTask(tenant.organisation, 'task_1')).toMatchObject([
        { id, task: 'task_1', taskEpoch: 3, state: 'assigned' },
      ]);
    });

    it('that end stay ended', async () => {
      const { store, tenant } = subject();
      const id = await warm();
      expect(await store.cages.setState(tenant.organisation, id, 'ending')).toBe(true);
      expect(await store.cages.setState(tenant.organisation, id, 'ending')).toBe(true);
      expect(await store.cages.setState(tenant.organisation, id, 'warm')).toBe(false);
      expect(await store.cages.assign(tenant.organisation, id, 'task_1', 1)).toBe(false);
      expect(await store.cages.claimWarm(tenant.organisation, tenant.claw.id, 'task_1')).toBeUndefined();
      expect((await store.cages.byId(tenant.organisation, id))?.state).toBe('ending');
    });

    it('are kept for the next task, and retired only while no task has them', async () => {
      const { store, other, tenant } = subject();
      const { organisation, claw } = tenant;
      const id = await warm();
      expect(await store.cages.keep(organisation, id)).toBe(false);
      await store.cages.assign(organisation, id, 'task_1', 1);
      expect(await store.cages.retire(organisation, id)).toBe(false);
      expect(await store.cages.countOf(organisation, claw.id)).toBe(1);
      expect(await store.cages.keep(organisation, id)).toBe(true);
      expect(await store.cages.byId(organisation, id)).toMatchObject({
        state: 'warm',
        task: null,
        taskEpoch: null,
      });
      const [claimed, retired] = await Promise.all([
        store.cages.claimWarm(organisation, claw.id, 'task_2'),
        other.cages.retire(organisation, id),
      ]);
      expect(claimed === undefined).toBe(retired);
      await store.cages.setState(organisation, id, 'ending');
      expect(await store.cages.keep(organisation, id)).toBe(false);
      expect(await store.cages.countOf(organisation, claw.id)).toBe(0);
    });

    it('give each controller an epoch of its own', async () => {
      const { store, other, tenant } = subject();
      const { id } = await tenant.addCage();
      const epochs = await Promise.all(
        [store, other, store, other].map((each) => each.cages.takeEpoch(tenant.organisation, id)),
      );
      expect(epochs.toSorted()).toEqual([1, 2, 3, 4]);
      expect(await store.cages.takeEpoch(tenant.organisation, 'cage_none')).toBeUndefined();
    });

    it('remember the last message that the newest controller handled, and never go back', async () => {
      const { store, tenant } = subject();
      const { organisation } = tenant;
      const { id } = await tenant.addCage();
      await store.cages.takeEpoch(organisation, id);
      expect(await store.cages.setLastSeq(organisation, id, 1, 7)).toBe(true);
      expect(await store.cages.setLastSeq(organisation, id, 1, 5)).toBe(false);
      await store.cages.takeEpoch(organisation, id);
      expect(await store.cages.setLastSeq(organisation, id, 1, 9)).toBe(false);
      expect(await store.cages.setLastSeq(organisation, id, 2, 2 ** 40)).toBe(true);
      expect(await store.cages.byId(organisation, id)).toMatchObject({ lastSeq: 2 ** 40, epoch: 2 });
    });

    it('are rewrapped', async () => {
      const { store, tenant } = subject();
      const { id } = await tenant.addCage();
      const mine = (await store.cages.allRecords()).find((record) => record.id === id);
      expect(mine).toMatchObject({ organisation: tenant.organisation });
      await store.cages.replaceRecord(tenant.organisation, id, Buffer.from('rewrapped'));
      expect((await store.cages.byId(tenant.organisation, id))?.linkSecretRecord.toString()).toBe(
        'rewrapped',
      );
    });
  });
}
