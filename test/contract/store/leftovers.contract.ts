import { describe, expect, it } from 'vitest';
import type { Subject } from './subject.ts';

const HOUR = 3600_000;
const MINUTE = 60_000;

/** What the rows say about things that may be left over. */
export function leftoversContract(subject: () => Subject): void {
  const once = (idempotencyKey: string) => ({ idempotencyKey, idempotencyHash: 'a' });
  const judged = async (id: string) => {
    const { store } = subject();
    return (await store.leftovers.cages()).find((cage) => cage.id === id);
  };
  /** A cage that has the task's first attempt. */
  const assigned = async () => {
    const { store, tenant } = subject();
    const { organisation, claw, holder } = tenant;
    const { task } = await tenant.addTask();
    await tenant.begin(task.id);
    const { id } = await tenant.addCage();
    await store.cages.ready(organisation, id, holder);
    const of = { organisation, claw: claw.id, id: task.id, epoch: 1 };
    expect((await store.cages.claimWarm(of, holder))?.id).toBe(id);
    await store.cages.assign(organisation, id, holder);
    return { id, task: task.id };
  };

  describe('an Idempotency-Key', () => {
    it('is forgotten after its 24 h, of tasks and of batches, and then makes anew', async () => {
      const { store, tenant } = subject();
      const { organisation, claw } = tenant;
      const addBatch = (key: string) => {
        const id = store.batches.newId();
        return store.batches.create({ id, organisation, claw: claw.id, ...once(key) }, []);
      };
      const { task } = await tenant.addTask(once('t'));
      await addBatch('b');
      const soon = new Date(Date.now() + 24 * HOUR - MINUTE);
      const later = new Date(Date.now() + 24 * HOUR + MINUTE);
      for (const of of ['tasks', 'batches'] as const) {
        expect((await store.leftovers.forgottenKeys(later))[of]).toBeGreaterThan(0);
        await store.leftovers.forgetKeys(of, soon);
      }
      expect((await tenant.addTask(once('t'))).task.id).toBe(task.id);
      expect((await addBatch('b')).created).toBe(false);
      for (const of of ['tasks', 'batches'] as const)
        expect(await store.leftovers.forgetKeys(of, later)).toBeGreaterThan(0);
      expect(await store.leftovers.forgottenKeys(later)).toEqual({ tasks: 0, batches: 0 });
      expect((await tenant.addTask({ ...once('t'), idempotencyHash: 'b' })).created).toBe(true);
      expect((await addBatch('b')).created).toBe(true);
      expect(await store.tasks.byId(organisation, task.id)).toMatchObject({ state: 'queued' });
    });
  });

  describe('a cage', () => {
    it('is over when its task has ended, has gone back to the queue, or has begun another attempt', async () => {
      const { store, tenant } = subject();
      const ends = {
        ended: async (task: string) => store.tasks.finish(await tenant.seen(task), 'failed'),
        waits: async (task: string) => store.tasks.requeue(await tenant.seen(task)),
        again: async (task: string) => {
          await store.tasks.requeue(await tenant.seen(task));
          await tenant.begin(task);
        },
      };
      for (const [how, end] of Object.entries(ends)) {
        const { id, task } = await assigned();
        expect(await judged(id), how).toMatchObject({ task, taskOver: false, holder: tenant.holder });
        await end(task);
        expect((await judged(id))?.taskOver, how).toBe(true);
      }
      const spare = await tenant.addCage();
      expect(await judged(spare.id)).toMatchObject({ state: 'creating', task: null, taskOver: false });
    });

    it('is ended only as it was judged: not once it has another task, or another holder', async () => {
      const { store, other, tenant } = subject();
      const { organisation, claw, holder } = tenant;
      const { id, task } = await assigned();
      await store.tasks.finish(await tenant.seen(task), 'succeeded');
      const seen = (await judged(id))!;
      await store.cages.keep(organisation, id, holder);
      expect(await store.leftovers.claimEnd(seen)).toBe(false);
      await store.cages.claimWarm({ organisation, claw: claw.id, id: 'task_next', epoch: 1 }, holder);
      expect(await store.leftovers.claimEnd(seen)).toBe(false);
      const now = (await judged(id))!;
      expect(await store.leftovers.claimEnd({ ...now, holder: 'orch_other' })).toBe(false);
      const claims = [store, other, store].map((each) => each.leftovers.claimEnd(now));
      expect((await Promise.all(claims)).filter(Boolean)).toHaveLength(1);
      expect((await judged(id))?.state).toBe('ending');
      expect(await store.leftovers.hasCage(id)).toBe(true);
      await store.cages.delete(organisation, id);
      expect(await store.leftovers.hasCage(id)).toBe(false);
    });
  });

  describe('files', () => {
    it('are left over once their task has ended without a result, or is not there', async () => {
      const { store, tenant } = subject();
      const { organisation } = tenant;
      const add = (task: string) =>
        store.taskFiles.add({
          organisation,
          task,
          epoch: 1,
          path: 'a',
          piece: 0,
          last: true,
          bytes: 1,
          sealed: Buffer.from('s'),
        });
      const [runs, kept, failed] = await Promise.all(
        [1, 2, 3].map(async () => {
          const { task } = await tenant.addTask();
          await tenant.begin(task.id);
          await add(task.id);
          return task.id;
        }),
      );
      await store.tasks.finish(await tenant.seen(kept!), 'succeeded', {
        sealedResult: Buffer.from('r'),
        resultExpiresAt: new Date(Date.now() + HOUR),
      });
      await store.tasks.finish(await tenant.seen(failed!), 'failed');
      const left = await store.leftovers.filesWithoutResult();
      expect(left).toContain(failed);
      expect(left).not.toContain(runs);
      expect(left).not.toContain(kept);
      await store.taskFiles.deleteOf(left);
      expect(await store.leftovers.filesWithoutResult()).toEqual([]);
    });
  });

  describe('an orchestrator', () => {
    it('that is gone is left over once nothing bears its name', async () => {
      const { store, tenant } = subject();
      const gone = await tenant.orchestrator();
      const cage = await tenant.addCage(null, gone);
      expect(await store.orchestrators.gone()).not.toContain(gone);
      await store.orchestrators.leave(gone);
      expect(await store.orchestrators.gone()).not.toContain(gone);
      await store.cages.delete(tenant.organisation, cage.id);
      expect(await store.orchestrators.gone()).toContain(gone);
      await store.orchestrators.forgetGone();
      expect(await store.orchestrators.gone()).toEqual([]);
    });
  });

  it('tells which tasks have not ended, of however many', async () => {
    const { store, tenant } = subject();
    const [open, over] = [(await tenant.addTask()).task.id, (await tenant.addTask()).task.id];
    await store.tasks.finish(await tenant.seen(over), 'cancelled');
    const many = Array.from({ length: 1500 }, (_, index) => `task_none_${index}`);
    expect(await store.leftovers.openOf([over, ...many, open])).toEqual(new Set([open]));
  });
}
