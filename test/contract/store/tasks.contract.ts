import { describe, expect, it } from 'vitest';
import { TASK_STATES, isFinal, mayGo, type TaskState } from '#task/state.ts';
import { newTenant } from '../../support/store-rows.ts';
import type { Subject } from './subject.ts';

const HOUR = 3600_000;

export function tasksContract(subject: () => Subject): void {
  /** A task that was brought to a state by the ways that there are. */
  const taskIn = async (state: TaskState) => {
    const { store, tenant } = subject();
    const { organisation } = tenant;
    const { id } = (await tenant.addTask()).task;
    if (state !== 'queued') await tenant.begin(id);
    if (state === 'running')
      await store.tasks.transition(await tenant.seen(id), 'running', { startedAt: new Date() });
    if (isFinal(state)) await store.tasks.finish(await tenant.seen(id), state);
    expect((await store.tasks.byId(organisation, id))?.state).toBe(state);
    return id;
  };

  describe('tasks', () => {
    it('come back as they were put in, with the sealed input byte for byte', async () => {
      const { store, tenant } = subject();
      const { task, created } = await tenant.addTask();
      expect(created).toBe(true);
      expect(task).toMatchObject({
        state: 'queued',
        epoch: 0,
        waiting: null,
        error: null,
        cancelRequested: false,
      });
      expect(await store.tasks.byId(tenant.organisation, task.id)).toEqual(task);
      const input = await store.tasks.sealedInput(tenant.organisation, task.id);
      expect(Buffer.isBuffer(input) && [...input]).toEqual([0, 1, 254, 255]);
    });

    it('may carry megabytes', async () => {
      const { store, tenant } = subject();
      const sealedInput = Buffer.alloc(4_000_000, 0xa5);
      const { task } = await store.tasks.create({
        id: store.tasks.newId(),
        organisation: tenant.organisation,
        claw: tenant.claw.id,
        sealedInput,
        timeoutMs: 1000,
      });
      expect((await store.tasks.sealedInput(tenant.organisation, task.id))?.equals(sealedInput)).toBe(true);
    });

    it('go only where the table of states lets them', async () => {
      const { store, tenant } = subject();
      for (const from of TASK_STATES) {
        for (const to of TASK_STATES) {
          const id = await taskIn(from);
          const seen = await tenant.seen(id);
          const moved = isFinal(to)
            ? await store.tasks.finish(seen, to)
            : await store.tasks.transition(seen, to);
          expect(moved?.state, `${from} to ${to}`).toBe(mayGo(from, to) ? to : undefined);
          expect((await store.tasks.byId(tenant.organisation, id))?.state).toBe(mayGo(from, to) ? to : from);
        }
      }
    });

    it('obey only the newest attempt', async () => {
      const { store, tenant } = subject();
      const id = await taskIn('starting');
      const first = await tenant.seen(id);
      expect(await store.tasks.requeue(first)).toMatchObject({ epoch: 1, holder: null });
      expect(await tenant.begin(id)).toMatchObject({ epoch: 2, holder: tenant.holder });
      expect(await store.tasks.transition(first, 'running')).toBeUndefined();
      expect(await store.tasks.requeue(first)).toBeUndefined();
      expect(await store.tasks.finish(first, 'succeeded')).toBeUndefined();
      expect(await store.tasks.finish(await tenant.seen(id), 'succeeded')).toMatchObject({
        state: 'succeeded',
        epoch: 2,
      });
    });

    it('count the attempts that do not count', async () => {
      const { store, tenant } = subject();
      const id = await taskIn('starting');
      expect(await store.tasks.requeue(await tenant.seen(id), { spared: true })).toMatchObject({ spared: 1 });
      await tenant.begin(id);
      expect(await store.tasks.requeue(await tenant.seen(id), {})).toMatchObject({ epoch: 2, spared: 1 });
    });

    it('are begun by one of many who try at once', async () => {
      const { store, other, tenant } = subject();
      const id = await taskIn('queued');
      const seen = await tenant.seen(id);
      const takes = [store, other, store, other, store].map((each, at) =>
        each.tasks.takeEpoch(seen, `orch_${at}`),
      );
      const taken = (await Promise.all(takes)).filter((row) => row !== undefined);
      expect(taken).toEqual([await tenant.seen(id)]);
      expect(taken[0]?.epoch).toBe(1);
    });

    it('are ended once, whoever tries', async () => {
      const { store, other, tenant } = subject();
      const id = await taskIn('running');
      const seen = await tenant.seen(id);
      const ends = await Promise.all([
        store.tasks.finish(seen, 'succeeded'),
        other.tasks.finish(seen, 'cancelled'),
        store.tasks.finish(seen, 'failed'),
        other.tasks.finish(seen, 'timed_out'),
      ]);
      const winners = ends.filter((row) => row !== undefined);
      expect(winners).toHaveLength(1);
      expect(await store.tasks.byId(tenant.organisation, id)).toEqual(winners[0]);
    });

    it('are cancelled or begun, not both', async () => {
      const { store, other, tenant } = subject();
      for (let round = 0; round < 10; round += 1) {
        const id = await taskIn('queued');
        const seen = await tenant.seen(id);
        const [begun, cancelled] = await Promise.all([
          store.tasks.takeEpoch(seen, tenant.holder),
          other.tasks.finish(seen, 'cancelled'),
        ]);
        expect([begun === undefined, cancelled === undefined].toSorted()).toEqual([false, true]);
      }
    });

    it('lose their input when they end, and keep error and result', async () => {
      const { store, tenant } = subject();
      const { organisation } = tenant;
      const id = await taskIn('running');
      const resultExpiresAt = new Date(Date.now() + HOUR);
      const error = {
        code: 'agent_failed',
        message: 'It ended.',
        details: { exitCode: 1, some_name: [1] },
      } as const;
      const ended = await store.tasks.finish(await tenant.seen(id), 'failed', {
        error,
        sealedResult: Buffer.from('r'),
        resultExpiresAt,
      });
      expect(ended).toMatchObject({ error, resultExpiresAt, waiting: null });
      expect(ended!.endedAt!.getTime()).toBeGreaterThanOrEqual(ended!.createdAt.getTime());
      expect(await store.tasks.sealedInput(organisation, id)).toBeNull();
      expect((await store.tasks.sealedResult(organisation, id))?.toString()).toBe('r');
    });

    it('say why they wait until they move', async () => {
      const { store, tenant } = subject();
      const id = await taskIn('queued');
      await store.tasks.setWaiting(await tenant.seen(id), 'concurrency');
      expect((await store.tasks.byId(tenant.organisation, id))?.waiting).toBe('concurrency');
      await tenant.begin(id);
      const begun = await tenant.seen(id);
      expect(begun.waiting).toBeNull();
      await store.tasks.finish(begun, 'cancelled');
      await store.tasks.setWaiting(begun, 'late');
      expect((await store.tasks.byId(tenant.organisation, id))?.waiting).toBeNull();
    });

    it('carry a wish to be cancelled through a retry, but not after their end', async () => {
      const { store, tenant } = subject();
      const id = await taskIn('starting');
      expect(await store.tasks.requestCancel(tenant.organisation, id)).toBe(true);
      await store.tasks.requeue(await tenant.seen(id));
      expect((await store.tasks.byId(tenant.organisation, id))?.cancelRequested).toBe(true);
      await store.tasks.finish(await tenant.seen(id), 'cancelled');
      expect(await store.tasks.requestCancel(tenant.organisation, id)).toBe(false);
    });

    it('are found oldest first where they wait, and counted by state', async () => {
      const { store, tenant } = subject();
      const { organisation, claw } = tenant;
      const running = await taskIn('running');
      const waiting = [await taskIn('queued'), await taskIn('queued'), await taskIn('queued')];
      const starting = await taskIn('starting');
      await taskIn('succeeded');
      const ids = (rows: { id: string }[]) => rows.map(({ id }) => id);
      expect(ids(await store.tasks.oldestQueued(organisation, claw.id, 2))).toEqual(waiting.slice(0, 2));
      expect(ids(await store.tasks.begun(organisation))).toEqual([running, starting]);
      expect(ids(await store.tasks.nonFinalOf(organisation, claw.id))).toEqual([
        running,
        ...waiting,
        starting,
      ]);
      expect(await store.tasks.countActive(organisation, claw.id)).toBe(2);
      expect(await store.tasks.byState(organisation)).toEqual({ running: 1, queued: 3, starting: 1 });
    });
  });

  describe('a list of tasks', () => {
    it('is newest first, page by page, whatever comes meanwhile', async () => {
      const { store, tenant } = subject();
      const made: string[] = [];
      for (let count = 0; count < 7; count += 1) made.push((await tenant.addTask()).task.id);
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const page = await store.tasks.list(tenant.organisation, {
          limit: 3,
          ...(cursor !== null && { cursor }),
        });
        seen.push(...page.items.map(({ id }) => id));
        cursor = page.nextCursor;
        await tenant.addTask();
      } while (cursor !== null);
      expect(seen).toEqual(made.toReversed());
    });

    it('is narrowed by Claw and state', async () => {
      const { store, tenant } = subject();
      const second = await tenant.addClaw('second');
      const { task } = await tenant.addTask(undefined, second.id);
      const ended = await taskIn('failed');
      const ids = async (query: object) =>
        (await store.tasks.list(tenant.organisation, { limit: 10, ...query })).items.map(({ id }) => id);
      expect(await ids({ claw: second.id })).toEqual([task.id]);
      expect(await ids({ state: 'failed' })).toEqual([ended]);
      expect(await ids({ claw: second.id, state: 'failed' })).toEqual([]);
    });

    it('refuses a cursor that is none', async () => {
      const { store, tenant } = subject();
      for (const cursor of ['', 'rubbish', Buffer.from("task_' or 1=1").toString('base64url')]) {
        await expect(store.tasks.list(tenant.organisation, { limit: 3, cursor })).rejects.toMatchObject({
          code: 'request_invalid',
        });
      }
    });
  });

  describe('an Idempotency-Key', () => {
    const body = { idempotencyKey: 'k', idempotencyHash: 'a' };

    it('gives the same task for the same body, and refuses another', async () => {
      const { tenant } = subject();
      const first = await tenant.addTask(body);
      const again = await tenant.addTask(body);
      expect(again.created).toBe(false);
      expect(again.task).toEqual(first.task);
      await expect(tenant.addTask({ ...body, idempotencyHash: 'b' })).rejects.toMatchObject({
        code: 'idempotency_mismatch',
        details: { task: first.task.id },
      });
    });

    it('makes one task where many come at once', async () => {
      const { store, other, tenant } = subject();
      const create = (each: typeof store) =>
        each.tasks.create({
          id: each.tasks.newId(),
          organisation: tenant.organisation,
          claw: tenant.claw.id,
          sealedInput: Buffer.from('s'),
          timeoutMs: 1000,
          ...body,
        });
      const results = await Promise.all([store, other, store, other, store, other].map(create));
      expect(results.filter(({ created }) => created)).toHaveLength(1);
      expect(new Set(results.map(({ task }) => task.id)).size).toBe(1);
    });

    it('belongs to its Claw', async () => {
      const { tenant } = subject();
      const second = await tenant.addClaw('second');
      await tenant.addTask(body);
      expect((await tenant.addTask({ ...body, idempotencyHash: 'b' }, second.id)).created).toBe(true);
    });
  });

  describe('a deleted Claw', () => {
    it('gets no task', async () => {
      const { store, tenant } = subject();
      await store.claws.delete(tenant.organisation, tenant.claw.id);
      await expect(tenant.addTask()).rejects.toMatchObject({ code: 'claw_deleted' });
      const stranger = await newTenant(store);
      await expect(stranger.addTask(undefined, 'claw_none')).rejects.toMatchObject({ code: 'not_found' });
    });

    it('has no task that slipped in: it is in the list that is read after the deletion, or refused', async () => {
      const { store, other, tenant } = subject();
      const { organisation } = tenant;
      for (let round = 0; round < 10; round += 1) {
        const claw = await tenant.addClaw(`gone-${round}`);
        const [added, left] = await Promise.allSettled([
          tenant.addTask(undefined, claw.id),
          other.claws.delete(organisation, claw.id).then(() => other.tasks.nonFinalOf(organisation, claw.id)),
        ]);
        const found = left.status === 'fulfilled' ? left.value.length : -1;
        expect(found).toBe(added.status === 'fulfilled' ? 1 : 0);
        expect((await store.tasks.nonFinalOf(organisation, claw.id)).length).toBe(found);
      }
    });
  });

  describe('results', () => {
    const ended = async (expiresAt: Date) => {
      const { store, tenant } = subject();
      const id = await taskIn('running');
      await store.tasks.finish(await tenant.seen(id), 'succeeded', {
        sealedResult: Buffer.from('r'),
        resultExpiresAt: expiresAt,
      });
      return id;
    };
    const due = async (now: Date) => {
      const { store, tenant } = subject();
      const rows = await store.tasks.dueResults(now);
      return rows.filter(({ organisation }) => organisation === tenant.organisation).map(({ id }) => id);
    };

    it('are due when their time is over, until they are cleared', async () => {
      const { store, tenant } = subject();
      const id = await ended(new Date(1000));
      await ended(new Date(3000));
      expect(await due(new Date(999))).toEqual([]);
      expect(await due(new Date(1000))).toEqual([id]);
      await store.tasks.clearResult(tenant.organisation, id);
      expect(await due(new Date(2000))).toEqual([]);
      expect(await store.tasks.sealedResult(tenant.organisation, id)).toBeNull();
      expect((await store.tasks.byId(tenant.organisation, id))?.state).toBe('succeeded');
    });

    it('wait for less long once fetched, never longer', async () => {
      const { store, tenant } = subject();
      const id = await ended(new Date(2000));
      await store.tasks.markFetched(tenant.organisation, id, new Date(3000));
      expect(await due(new Date(2000))).toEqual([id]);
      await store.tasks.markFetched(tenant.organisation, id, new Date(1500));
      expect(await due(new Date(1500))).toEqual([id]);
    });

    it('and inputs are what shredding keys are kept for', async () => {
      const { store } = subject();
      const [queued, kept, empty] = [
        await taskIn('queued'),
        await ended(new Date(Date.now() + HOUR)),
        await taskIn('failed'),
      ];
      expect(await store.tasks.holdingContent([queued, kept, empty, 'task_none'])).toEqual(
        new Set([queued, kept]),
      );
      expect(await store.tasks.holdingContent([])).toEqual(new Set());
    });
  });
}
