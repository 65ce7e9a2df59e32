import { describe, expect, it } from 'vitest';
import type { CodedError } from '#errors/coded-error.ts';
import type { Subject } from './subject.ts';

const HOUR = 3600_000;

/** How many tasks may wait, and which of those that wait for another attempt may begin. */
export function queueDepthContract(subject: () => Subject): void {
  const rowOf = () => {
    const { store, tenant } = subject();
    const { organisation, claw } = tenant;
    const id = store.tasks.newId();
    return { id, organisation, claw: claw.id, sealedInput: Buffer.from('s'), timeoutMs: 1000 };
  };
  const waiting = (claw?: string, most = 1000) => {
    const { store, tenant } = subject();
    return store.tasks.countWaiting({ organisation: tenant.organisation, ...(claw && { claw }) }, most);
  };
  const outcome = (work: Promise<unknown>) =>
    work.then(
      () => 'in',
      (error: CodedError) => error.code,
    );

  describe('tasks that wait', () => {
    it('are counted, for a Claw and for all, but no further than is asked', async () => {
      const { store, tenant } = subject();
      const other = await tenant.addClaw('other');
      for (let task = 0; task < 5; task++) await store.tasks.create(rowOf());
      await tenant.addTask(undefined, other.id);
      const begun = (await tenant.addTask()).task;
      await tenant.begin(begun.id);
      expect([await waiting(), await waiting(tenant.claw.id), await waiting(other.id)]).toEqual([6, 5, 1]);
      expect(await waiting(tenant.claw.id, 3)).toBe(3);
    });

    it('are never more than may be, with many callers at once, on several connections', async () => {
      const { store, other, tenant } = subject();
      const stores = [store, other ?? store];
      const puts = Array.from({ length: 24 }, (_, at) => outcome(stores[at % 2]!.tasks.create(rowOf(), 10)));
      const outcomes = await Promise.all(puts);
      expect(outcomes.filter((each) => each === 'in')).toHaveLength(10);
      expect(new Set(outcomes)).toEqual(new Set(['in', 'queue_full']));
      expect(await waiting(tenant.claw.id)).toBe(10);
    });

    it('come as a batch all or none', async () => {
      const { store, tenant } = subject();
      const batch = () => ({
        id: store.batches.newId(),
        organisation: tenant.organisation,
        claw: tenant.claw.id,
      });
      const rows = (count: number, id: string) =>
        Array.from({ length: count }, () => ({ ...rowOf(), batch: id }));
      const [first, second, third] = [batch(), batch(), batch()];
      expect(await outcome(store.batches.create(first, rows(6, first.id), 10))).toBe('in');
      await expect(store.batches.create(second, rows(5, second.id), 10)).rejects.toMatchObject({
        code: 'queue_full',
        details: { level: 'claw', limit: 10, queued: 6 },
      });
      expect(await waiting()).toBe(6);
      expect(await outcome(store.batches.create(third, rows(4, third.id), 10))).toBe('in');
    });

    it('are found again by an Idempotency-Key although no more may wait', async () => {
      const { store } = subject();
      const keyed = { ...rowOf(), idempotencyKey: 'k', idempotencyHash: 'h' };
      const { task } = await store.tasks.create(keyed, 1);
      expect(
        await store.tasks.create({ ...rowOf(), idempotencyKey: 'k', idempotencyHash: 'h' }, 1),
      ).toMatchObject({
        created: false,
        task: { id: task.id },
      });
      expect(await outcome(store.tasks.create(rowOf(), 1))).toBe('queue_full');
    });
  });

  describe('another attempt', () => {
    it('may begin after its wait by the clock that nobody sets, and at once where it was measured by one that was ahead', async () => {
      const { store, tenant } = subject();
      const { organisation, claw } = tenant;
      const { id } = (await tenant.addTask()).task;
      await tenant.begin(id);
      const nowMs = Date.now();
      const retry = { notBefore: new Date(nowMs + 60_000), retryWaitMs: 60_000 };
      expect(await store.tasks.requeue(await tenant.seen(id), retry)).toMatchObject({ retryWaitMs: 60_000 });
      const next = async (wallMs: number, steadyMs: number) =>
        (await store.tasks.oldestQueued(organisation, claw.id, 1, { wallMs, steadyMs })).length;
      expect(await next(nowMs + HOUR, nowMs + 1000)).toBe(0);
      expect(await next(nowMs - HOUR, nowMs + 1000)).toBe(0);
      expect(await next(nowMs, nowMs + 60_000)).toBe(1);
      expect(await next(nowMs, nowMs - HOUR)).toBe(1);
      expect(await store.tasks.queuedOf(organisation, claw.id, 10)).toMatchObject([
        { id, epoch: 1, retryWaitMs: 60_000 },
      ]);
    });

    it('is among those that have ended once it has', async () => {
      const { store, tenant } = subject();
      const [one, two] = [(await tenant.addTask()).task, (await tenant.addTask()).task];
      await store.tasks.finish(await tenant.seen(one.id), 'cancelled');
      expect(await store.tasks.endedAmong([one.id, two.id])).toEqual(new Set([one.id]));
      expect(await store.tasks.endedAmong([])).toEqual(new Set());
    });
  });
}
