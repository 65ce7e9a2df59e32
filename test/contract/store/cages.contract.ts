import { describe, expect, it } from 'vitest';
import type { Subject } from './subject.ts';

export function cagesContract(subject: () => Subject): void {
  const warm = async () => {
    const { store, tenant } = subject();
    const cage = await tenant.addCage();
    await store.cages.ready(tenant.organisation, cage.id, tenant.holder);
    return cage.id;
  };
  /** Of the Claw for an attempt. */
  const claim = (task: string, by?: string, claw = subject().tenant.claw.id) => {
    const { store, tenant } = subject();
    const wish = { organisation: tenant.organisation, claw, id: task, epoch: 1 };
    return store.cages.claimWarm(wish, by ?? tenant.holder);
  };
  const assigned = async (task: string) => {
    const { store, tenant } = subject();
    await warm();
    const { id } = (await claim(task))!;
    await store.cages.assign(tenant.organisation, id, tenant.holder);
    return id;
  };

  describe('cages', () => {
    it('come back as they were put in, held by who makes them', async () => {
      const { store, tenant } = subject();
      const cage = await tenant.addCage(null);
      expect(cage).toMatchObject({
        claw: null,
        purpose: 'verify',
        state: 'creating',
        task: null,
        epoch: 1,
        lastSeq: 0,
        holder: tenant.holder,
      });
      expect(await store.cages.byId(tenant.organisation, cage.id)).toEqual(cage);
      expect(Buffer.isBuffer(cage.linkSecretRecord)).toBe(true);
      await store.cages.delete(tenant.organisation, cage.id);
      await store.cages.delete(tenant.organisation, cage.id);
      expect(await store.cages.list(tenant.organisation)).toEqual([]);
    });

    it('that are warm go to one task each, oldest first', async () => {
      const { store, other, tenant } = subject();
      const { organisation, claw, holder } = tenant;
      await tenant.addCage();
      for (let round = 0; round < 10; round += 1) {
        const cages = [await warm(), await warm()];
        const claims = await Promise.all(
          [store, other, store, other, store, other].map((each, at) =>
            each.cages.claimWarm(
              { organisation, claw: claw.id, id: `task_${round}_${at}`, epoch: 1 },
              holder,
            ),
          ),
        );
        const claimed = claims.filter((row) => row !== undefined);
        expect(claimed.map(({ id }) => id).toSorted()).toEqual(cages);
        expect(new Set(claimed.map(({ task }) => task)).size).toBe(2);
        expect(claimed.every(({ state, taskEpoch }) => state === 'creating' && taskEpoch === 1)).toBe(true);
        expect(await store.cages.warmOf(organisation, claw.id)).toEqual([]);
      }
    });

    it('go to the Claw that they were made for', async () => {
      const { tenant } = subject();
      const id = await warm();
      const second = await tenant.addClaw('second');
      expect(await claim('task_1', undefined, second.id)).toBeUndefined();
      expect((await claim('task_1'))?.id).toBe(id);
    });

    it('that are warm may be taken from whoever holds them, with a newer epoch; own ones go first, with theirs', async () => {
      const { tenant } = subject();
      const [theirs, mine] = [await warm(), (await tenant.addCage()).id];
      const other = await tenant.orchestrator();
      const { store } = subject();
      expect(
        await store.cages.takeOver(
          { organisation: tenant.organisation, id: mine, holder: tenant.holder },
          other,
        ),
      ).toBeUndefined();
      const own = await tenant.addCage(tenant.claw.id, other);
      await store.cages.ready(tenant.organisation, own.id, other);
      expect(await claim('task_1', other)).toMatchObject({ id: own.id, epoch: 1, holder: other });
      expect(await claim('task_2', other)).toMatchObject({ id: theirs, epoch: 2, holder: other });
    });

    it('are assigned once their task may have begun, and found by it', async () => {
      const { store, tenant } = subject();
      const id = await assigned('task_1');
      expect(await store.cages.ofTask(tenant.organisation, 'task_1')).toMatchObject([
        { id, task: 'task_1', taskEpoch: 1, state: 'assigned' },
      ]);
      expect(await store.cages.assign(tenant.organisation, id, tenant.holder)).toBe(false);
    });

    it('that end stay ended', async () => {
      const { store, tenant } = subject();
      const { organisation, holder } = tenant;
      const id = await warm();
      expect(await store.cages.end(organisation, id, holder)).toBe(true);
      expect(await store.cages.end(organisation, id, holder)).toBe(true);
      expect(await store.cages.ready(organisation, id, holder)).toBe(false);
      expect(await store.cages.assign(organisation, id, holder)).toBe(false);
      expect(await store.cages.takeOver({ organisation, id, holder }, holder)).toBeUndefined();
      expect(await claim('task_1')).toBeUndefined();
      expect((await store.cages.byId(organisation, id))?.state).toBe('ending');
    });

    it('are kept for the next task, and retired only while no task has them', async () => {
      const { store, other, tenant } = subject();
      const { organisation, claw, holder } = tenant;
      const id = await warm();
      expect(await store.cages.keep(organisation, id, holder)).toBe(false);
      await claim('task_1');
      expect(await store.cages.retire(organisation, id, holder)).toBe(false);
      await store.cages.assign(organisation, id, holder);
      expect(await store.cages.retire(organisation, id, holder)).toBe(false);
      expect(await store.cages.countOf(organisation, claw.id)).toBe(1);
      expect(await store.cages.keep(organisation, id, 'orch_other')).toBe(false);
      expect(await store.cages.keep(organisation, id, holder)).toBe(true);
      expect(await store.cages.byId(organisation, id)).toMatchObject({
        state: 'warm',
        task: null,
        taskEpoch: null,
      });
      const [claimed, retired] = await Promise.all([
        claim('task_2'),
        other.cages.retire(organisation, id, 'orch_other'),
      ]);
      expect(claimed === undefined).toBe(retired);
      await store.cages.end(organisation, id, retired ? 'orch_other' : holder);
      expect(await store.cages.keep(organisation, id, holder)).toBe(false);
      expect(await store.cages.countOf(organisation, claw.id)).toBe(0);
    });

    it('remember the last message that the newest controller handled, and never go back', async () => {
      const { store, tenant } = subject();
      const { organisation, holder } = tenant;
      const cage = await tenant.addCage();
      expect(await store.cages.setLastSeq(organisation, cage.id, 1, 7)).toBe(true);
      expect(await store.cages.setLastSeq(organisation, cage.id, 1, 5)).toBe(false);
      await store.cages.takeOver(cage, holder);
      expect(await store.cages.setLastSeq(organisation, cage.id, 1, 9)).toBe(false);
      expect(await store.cages.setLastSeq(organisation, cage.id, 2, 2 ** 40)).toBe(true);
      expect(await store.cages.byId(organisation, cage.id)).toMatchObject({ lastSeq: 2 ** 40, epoch: 2 });
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
