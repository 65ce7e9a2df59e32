import { describe, expect, it } from 'vitest';
import type { Subject } from './subject.ts';

const HOUR = 3600_000;

/** Tasks by time and rank, and the files that they leave. */
export function waitingTasksContract(subject: () => Subject): void {
  /** A task whose first attempt runs. */
  const running = async () => {
    const { store, tenant } = subject();
    const { id } = (await tenant.addTask()).task;
    await tenant.begin(id);
    await store.tasks.transition(await tenant.seen(id), 'running', { startedAt: new Date() });
    return id;
  };

  describe('tasks that wait', () => {
    const put = async (row: object = {}) => {
      const { store, tenant } = subject();
      const { organisation, claw } = tenant;
      const id = store.tasks.newId();
      const { task } = await store.tasks.create({
        id,
        organisation,
        claw: claw.id,
        sealedInput: Buffer.from('s'),
        timeoutMs: 1000,
        ...row,
      });
      return task;
    };
    const next = async (now: Date = new Date()) => {
      const { store, tenant } = subject();
      const clocks = { wallMs: now.getTime(), steadyMs: now.getTime() };
      const rows = await store.tasks.oldestQueued(tenant.organisation, tenant.claw.id, 10, clocks);
      return rows.map(({ id }) => id);
    };

    it('go by priority, then by age, and not before their time', async () => {
      const notBefore = new Date(Date.now() + HOUR);
      const low = await put({ priority: -1 });
      const first = await put();
      const high = await put({ priority: 9 });
      const second = await put();
      const later = await put({ priority: 10, notBefore });
      expect(later).toMatchObject({ notBefore, waiting: `not before ${notBefore.toISOString()}` });
      const now = [high, first, second, low].map(({ id }) => id);
      expect(await next()).toEqual(now);
      expect(await next(notBefore)).toEqual([later.id, ...now]);
    });

    it('for another attempt wait for its time and say why', async () => {
      const { store, tenant } = subject();
      const id = await running();
      const notBefore = new Date(Date.now() + HOUR);
      const row = await store.tasks.requeue(await tenant.seen(id), { notBefore, waiting: 'retry' });
      expect(row).toMatchObject({ state: 'queued', epoch: 1, startedAt: null, notBefore, waiting: 'retry' });
      expect(await next()).toEqual([]);
      expect(await next(notBefore)).toEqual([id]);
    });

    it('are overdue from their deadline on, whatever their state, until they end', async () => {
      const { store, tenant } = subject();
      const { organisation } = tenant;
      const deadline = new Date(Date.now() + HOUR);
      const { id } = await put({ deadline });
      await put();
      const overdue = async (now: Date) =>
        (await store.tasks.overdue(organisation, now)).map((row) => row.id);
      expect(await overdue(new Date())).toEqual([]);
      expect(await overdue(deadline)).toEqual([id]);
      await store.tasks.finish(await tenant.seen(id), 'timed_out');
      expect(await overdue(deadline)).toEqual([]);
    });

    it('remember that an attempt acted, which only the present one can say', async () => {
      const { store, tenant } = subject();
      const id = await running();
      const present = await tenant.seen(id);
      await store.tasks.markActed({ ...present, epoch: 2 });
      await store.tasks.markActed({ ...present, holder: 'orch_other' });
      expect((await store.tasks.byId(tenant.organisation, id))?.acted).toBe(false);
      await store.tasks.markActed(present);
      await store.tasks.requeue(present);
      expect((await store.tasks.byId(tenant.organisation, id))?.acted).toBe(true);
    });
  });

  describe('files of a task', () => {
    it('are whole or not, belong to one attempt, and go with the task', async () => {
      const { store, tenant } = subject();
      const { organisation } = tenant;
      const task = await running();
      const add = (path: string, piece: number, last: boolean, epoch = 1) =>
        store.taskFiles.add({
          organisation,
          task,
          epoch,
          path,
          piece,
          last,
          bytes: 10,
          sealed: Buffer.from([epoch, piece, 255]),
        });
      expect(await add('b', 0, false)).toBe(true);
      expect(await add('b', 0, false)).toBe(false);
      await add('b', 1, true);
      await add('a/ü', 0, false);
      await add('B', 1, true);
      await add('b', 0, true, 2);
      expect(await store.taskFiles.ofAttempt(organisation, task, 1)).toEqual([
        { path: 'B', bytes: 10, pieces: 1, complete: false },
        { path: 'a/ü', bytes: 10, pieces: 1, complete: false },
        { path: 'b', bytes: 20, pieces: 2, complete: true },
      ]);
      const piece = { task, epoch: 1, path: 'b', piece: 1 };
      expect(await store.taskFiles.piece(organisation, piece)).toEqual({
        last: true,
        sealed: Buffer.from([1, 1, 255]),
      });
      expect(await store.taskFiles.piece('org_other', piece)).toBeUndefined();
      await store.taskFiles.delete(organisation, task, { except: 2 });
      expect(await store.taskFiles.ofAttempt(organisation, task, 1)).toEqual([]);
      expect(await store.taskFiles.ofAttempt(organisation, task, 2)).toHaveLength(1);
      await store.taskFiles.deleteOf([]);
      await store.taskFiles.deleteOf([task]);
      expect(await store.taskFiles.ofAttempt(organisation, task, 2)).toEqual([]);
    });
  });
}
