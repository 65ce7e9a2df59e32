import { describe, expect, it } from 'vitest';
import type { Subject } from './subject.ts';

/** Who holds what, and who may take it over: what two orchestrators on one database rely upon. */
export function holdersContract(subject: () => Subject): void {
  /** An attempt with its cage, under way at `by`. */
  const underWay = async (by: string) => {
    const { store, tenant } = subject();
    const { task } = await tenant.addTask();
    const begun = (await store.tasks.takeEpoch(task, by))!;
    const cage = await store.cages.insert({
      id: store.cages.newId(),
      organisation: tenant.organisation,
      claw: tenant.claw.id,
      purpose: 'task',
      linkSecretRecord: Buffer.from('sealed'),
      holder: by,
      task: task.id,
      taskEpoch: begun.epoch,
    });
    await store.cages.assign(tenant.organisation, cage.id, by);
    expect(begun.handedOver).toBe(false);
    return { task: await tenant.seen(task.id), cage };
  };
  const expire = async (id: string) => {
    const { store } = subject();
    const row = (await store.orchestrators.live()).find((each) => each.id === id)!;
    expect(await store.orchestrators.expire(id, row.beat)).toBe(true);
  };

  describe('an orchestrator', () => {
    it('lives until it leaves, or is declared gone by one who saw its beat stand still; never again under its name', async () => {
      const { store, other, tenant } = subject();
      const id = await tenant.orchestrator();
      expect(await store.orchestrators.beat(id)).toBe(true);
      expect(await store.orchestrators.expire(id, 0)).toBe(false);
      const ends = await Promise.all([store, other, store].map((each) => each.orchestrators.expire(id, 1)));
      expect(ends.filter(Boolean)).toHaveLength(1);
      expect(await store.orchestrators.beat(id)).toBe(false);
      const leaver = await tenant.orchestrator();
      await store.orchestrators.leave(leaver);
      expect(await store.orchestrators.beat(leaver)).toBe(false);
      const live = (await store.orchestrators.live()).map((row) => row.id);
      expect([live.includes(id), live.includes(leaver), live.includes(tenant.holder)]).toEqual([
        false,
        false,
        true,
      ]);
    });
  });

  describe('an attempt', () => {
    it('is handed over with its cage, which its row tells also when that of the cage is gone; the next one is not', async () => {
      const { store, tenant } = subject();
      const { task, cage } = await underWay(await tenant.orchestrator());
      await store.cages.delete(tenant.organisation, cage.id);
      const seen = await tenant.seen(task.id);
      expect(seen.handedOver).toBe(true);
      await store.tasks.requeue(seen);
      expect(await tenant.begin(task.id)).toMatchObject({ epoch: 2, handedOver: false });
    });

    it('of one that lives is nobody else’s: not to move, not to mark, not to take over', async () => {
      const { store, tenant } = subject();
      const [first, second] = [await tenant.orchestrator(), await tenant.orchestrator()];
      const { task, cage } = await underWay(first);
      const stranger = { ...task, holder: second };
      expect(await store.tasks.adopt(task, second)).toBeUndefined();
      expect(await store.tasks.transition(stranger, 'running')).toBeUndefined();
      expect(await store.tasks.requeue(stranger)).toBeUndefined();
      expect(await store.tasks.finish(stranger, 'failed')).toBeUndefined();
      await store.tasks.setWaiting(stranger, 'x');
      await store.tasks.markActed(stranger);
      expect(await store.cages.end(tenant.organisation, cage.id, second)).toBe(false);
      expect(await store.cages.takeOver(cage, second)).toBeUndefined();
      expect(await tenant.seen(task.id)).toEqual(task);
      expect((await store.tasks.begunFor(tenant.organisation, second)).map(({ id }) => id)).toEqual([]);
      expect((await store.tasks.begunFor(tenant.organisation, first)).map(({ id }) => id)).toEqual([task.id]);
    });

    it('of one that is gone goes to one of several who ask, with a newer epoch of its cage; the sleeper moves nothing any more', async () => {
      const { store, other, tenant } = subject();
      const { organisation } = tenant;
      const sleeper = await tenant.orchestrator();
      const { task, cage } = await underWay(sleeper);
      await expire(sleeper);
      expect((await store.tasks.begunFor(organisation, 'orch_any')).map(({ id }) => id)).toContain(task.id);
      const heirs = await Promise.all([tenant.orchestrator(), tenant.orchestrator(), tenant.orchestrator()]);
      const taken = await Promise.all(
        heirs.map((heir, at) => (at % 2 ? other : store).tasks.adopt(task, heir)),
      );
      const [won, ...more] = taken.filter((each) => each !== undefined);
      expect(more).toEqual([]);
      expect(won).toMatchObject({
        task: { state: 'starting', epoch: 1 },
        cages: [{ id: cage.id, epoch: 2, holder: won!.task.holder }],
      });
      expect(await store.tasks.finish(task, 'succeeded')).toBeUndefined();
      expect(await store.tasks.transition(task, 'running')).toBeUndefined();
      expect(await store.tasks.requeue(task)).toBeUndefined();
      expect(await store.cages.end(organisation, cage.id, sleeper)).toBe(false);
      expect(await store.cages.setLastSeq(organisation, cage.id, cage.epoch, 9)).toBe(false);
      expect(await store.tasks.finish(won!.task, 'succeeded')).toMatchObject({ state: 'succeeded' });
      expect(await store.tasks.adopt(won!.task, heirs[0]!)).toBeUndefined();
    });

    it('that nobody took over yet may still be ended by a sleeper, or taken over: one of the two', async () => {
      const { store, other, tenant } = subject();
      for (let round = 0; round < 10; round += 1) {
        const sleeper = await tenant.orchestrator();
        const { task } = await underWay(sleeper);
        await expire(sleeper);
        const [ended, adopted] = await Promise.all([
          store.tasks.finish(task, 'succeeded'),
          other.tasks.adopt(task, tenant.holder),
        ]);
        expect([ended === undefined, adopted === undefined].toSorted()).toEqual([false, true]);
      }
    });

    it('of our own may be taken up again, also under a new name after a loss', async () => {
      const { store, tenant } = subject();
      const { task, cage } = await underWay(tenant.holder);
      const again = await store.tasks.adopt(task, tenant.holder);
      expect(again?.cages).toMatchObject([{ id: cage.id, epoch: 2 }]);
      expect(await store.tasks.adopt({ ...task, holder: null }, tenant.holder)).toBeUndefined();
    });

    it('of before there were holders is anybody’s', async () => {
      const { store, tenant } = subject();
      const { task } = await underWay('orch_unknown');
      expect((await store.tasks.adopt(task, tenant.holder))?.task.holder).toBe(tenant.holder);
    });
  });

  describe('a cage without a task', () => {
    it('of one that is gone is taken over by one, and listed for anybody', async () => {
      const { store, other, tenant } = subject();
      const { organisation } = tenant;
      const gone = await tenant.orchestrator();
      const cage = await tenant.addCage(tenant.claw.id, gone);
      const listed = async () =>
        (await store.cages.listFor(organisation, tenant.holder)).map(({ id }) => id).includes(cage.id);
      expect(await listed()).toBe(false);
      await store.orchestrators.leave(gone);
      expect(await listed()).toBe(true);
      const heirs = await Promise.all([tenant.orchestrator(), tenant.orchestrator()]);
      const taken = await Promise.all([
        store.cages.takeOver(cage, heirs[0]!),
        other.cages.takeOver(cage, heirs[1]!),
      ]);
      expect(taken.filter((row) => row !== undefined)).toMatchObject([{ epoch: 2 }]);
    });
  });
}
