import { describe, expect, it } from 'vitest';
import type { Store } from '../../../orchestrator/store/store.ts';
import type { TaskRow } from '../../../orchestrator/store/tasks-store.ts';
import { newTenant } from '../../support/store-rows.ts';
import type { Subject } from './subject.ts';

const MANY = 1_000_000;

/** Who gets the last place, also where two orchestrators ask at once. */
export function placesContract(subject: () => Subject): void {
  const prepared = (store: Store) => ({ id: store.cages.newId(), linkSecretRecord: Buffer.from('sealed') });
  const deploy = async (settings: object = {}) => {
    const { store, tenant } = subject();
    await store.claws.patch(tenant.organisation, tenant.claw.id, settings);
    await store.claws.setState(tenant.organisation, tenant.claw.id, 'deployed');
    return (await store.claws.byId(tenant.organisation, tenant.claw.id))!;
  };
  const add = async (count: number): Promise<TaskRow[]> => {
    const { tenant } = subject();
    const tasks = [];
    for (let at = 0; at < count; at += 1) tasks.push((await tenant.addTask()).task);
    return tasks;
  };
  const take = (
    task: TaskRow,
    { by, maxCages = MANY, in: given }: { by?: string; maxCages?: number; in?: Store } = {},
  ) => {
    const { store, tenant } = subject();
    const each = given ?? store;
    return each.places.takeForTask(task, { holder: by ?? tenant.holder, maxCages, prepared: prepared(each) });
  };

  describe('a place', () => {
    it('is an attempt and the row of its cage, both or neither', async () => {
      const { store, tenant } = subject();
      const [task] = await add(1);
      expect(await take(task!)).toEqual({ reason: 'claw stopped' });
      await deploy();
      expect(await take(task!)).toMatchObject({
        isNew: true,
        task: { id: task!.id, state: 'starting', epoch: 1, holder: tenant.holder },
        cage: { task: task!.id, taskEpoch: 1, state: 'creating', epoch: 1, holder: tenant.holder },
      });
      expect(await take(task!)).toEqual({ reason: 'gone' });
      const [second] = await add(1);
      expect(await take(second!, { maxCages: 0 })).toEqual({ reason: 'a place for its cage' });
      expect((await tenant.seen(second!.id)).state).toBe('queued');
      expect(await store.cages.ofTask(tenant.organisation, second!.id)).toEqual([]);
    });

    it('of a Claw’s concurrency is given once, to those that are next', async () => {
      const { store, other, tenant } = subject();
      await deploy({ concurrency: 2 });
      const tasks = await add(6);
      const answers = await Promise.all(
        tasks.toReversed().map((task, at) => take(task, { in: at % 2 ? other : store })),
      );
      expect(answers.filter((answer) => 'task' in answer)).toHaveLength(2);
      expect(await store.tasks.countActive(tenant.organisation, tenant.claw.id)).toBe(2);
      const begun = await store.tasks.begun(tenant.organisation);
      expect(begun.map(({ id }) => id)).toEqual(tasks.slice(0, 2).map(({ id }) => id));
      expect(await take(tasks[5]!)).toEqual({ reason: 'concurrency', first: [] });
    });

    it('is for no task whose last container is not confirmed gone', async () => {
      const { store, tenant } = subject();
      await deploy();
      const [task] = await add(1);
      const first = await take(task!);
      if (!('task' in first)) throw new Error(first.reason);
      const back = await store.tasks.requeue(first.task, {});
      expect(await take(back!)).toEqual({ reason: 'its last container is not gone yet' });
      await store.cages.end(tenant.organisation, first.cage.id, tenant.holder);
      expect(await take(back!)).toEqual({ reason: 'its last container is not gone yet' });
      await store.cages.delete(tenant.organisation, first.cage.id);
      expect(await take(back!)).toMatchObject({ isNew: true, task: { epoch: 2 } });
    });

    it('says who is next where another is', async () => {
      await deploy({ concurrency: 1 });
      const [first, second] = await add(2);
      expect(await take(second!)).toMatchObject({ reason: 'concurrency', first: [{ id: first!.id }] });
    });

    it('of the engine is given once, and is free when its row is gone', async () => {
      const { store, other, tenant } = subject();
      await deploy({ concurrency: 8 });
      const tasks = await add(5);
      const maxCages = (await store.cages.countAll()) + 2;
      const answers = await Promise.all(
        tasks.map((task, at) => take(task, { maxCages, in: at % 2 ? other : store })),
      );
      const placed = answers.flatMap((answer) => ('cage' in answer ? [answer.cage] : []));
      expect(placed).toHaveLength(2);
      const waiting = tasks.find(({ id }) => !placed.some(({ task }) => task === id))!;
      expect(await take(waiting, { maxCages })).toEqual({ reason: 'a place for its cage' });
      await store.cages.delete(tenant.organisation, placed[0]!.id);
      expect(await take(waiting, { maxCages })).toMatchObject({ isNew: true });
    });

    it('of an organisation is given once, whoever takes it, and others have theirs', async () => {
      const { store, other, tenant } = subject();
      await deploy({ concurrency: 8 });
      const tasks = await add(6);
      await store.organisations.setCaps(tenant.organisation, { maxCages: 2 });
      const answers = await Promise.all(tasks.map((task, at) => take(task, { in: at % 2 ? other : store })));
      const placed = answers.flatMap((answer) => ('cage' in answer ? [answer.cage] : []));
      expect(placed).toHaveLength(2);
      const waiting = tasks.filter(({ id }) => !placed.some(({ task }) => task === id));
      const full = { reason: 'a place for its cage in this organisation' };
      expect(answers.filter((answer) => !('cage' in answer))).toEqual(Array(4).fill(full));
      expect((await tenant.seen(waiting[0]!.id)).state).toBe('queued');

      const stranger = await newTenant(store);
      await store.claws.setState(stranger.organisation, stranger.claw.id, 'deployed');
      const { task: theirs } = await stranger.addTask();
      expect(await take(theirs)).toMatchObject({ isNew: true });

      await store.cages.delete(tenant.organisation, placed[0]!.id);
      expect(await take(waiting[0]!)).toMatchObject({ isNew: true });
      expect(await take(waiting[1]!)).toEqual(full);
    });

    it('of an organisation that may have fewer now ends none, and is there again when it may have more', async () => {
      const { store, tenant } = subject();
      await deploy({ concurrency: 8 });
      const [first, second, third] = await add(3);
      await take(first!);
      await take(second!);
      await store.organisations.setCaps(tenant.organisation, { maxCages: 1 });
      expect(await store.cages.countOfOrganisation(tenant.organisation)).toBe(2);
      expect(await take(third!)).toEqual({ reason: 'a place for its cage in this organisation' });
      // Of two reasons the one that holds for all.
      expect(await take(third!, { maxCages: 0 })).toEqual({ reason: 'a place for its cage' });
      await store.organisations.setCaps(tenant.organisation, { maxCages: null });
      expect(await take(third!)).toMatchObject({ isNew: true });
    });

    it('needs no room where a warm cage is there, whoever holds it', async () => {
      const { store, tenant } = subject();
      await deploy();
      const other = await tenant.orchestrator();
      const spare = await tenant.addCage(tenant.claw.id, other);
      await store.cages.ready(tenant.organisation, spare.id, other);
      await store.organisations.setCaps(tenant.organisation, { maxCages: 1 });
      const [task] = await add(1);
      expect(await take(task!, { maxCages: 0 })).toMatchObject({
        isNew: false,
        cage: { id: spare.id, holder: tenant.holder, epoch: 2, task: task!.id, taskEpoch: 1 },
      });
    });

    it('waits for a kept cage that is being emptied', async () => {
      const { store, tenant } = subject();
      await deploy({ concurrency: 1, reuse: 'claw' });
      const [first, second] = await add(2);
      const placed = await take(first!);
      if (!('cage' in placed)) throw new Error('no place');
      await store.cages.assign(tenant.organisation, placed.cage.id, tenant.holder);
      await store.tasks.finish(placed.task, 'succeeded');
      expect(await take(second!)).toEqual({ reason: 'its cage is being emptied' });
      await store.cages.keep(tenant.organisation, placed.cage.id, tenant.holder);
      expect(await take(second!)).toMatchObject({ isNew: false, cage: { id: placed.cage.id } });
    });
  });

  describe('a spare', () => {
    it('is made once, also where two orchestrators see that it is missing', async () => {
      const { store, other, tenant } = subject();
      const claw = await deploy();
      const wish = (by: string, maxCages = MANY) => ({
        holder: by,
        maxCages,
        perClaw: 1,
        prepared: prepared(store),
      });
      const second = await tenant.orchestrator();
      expect(await store.places.takeForSpare(claw, wish(second, 0))).toBeUndefined();
      const made = await Promise.all(
        [store, other, store, other].map((each, at) =>
          each.places.takeForSpare(claw, wish(at % 2 ? second : tenant.holder)),
        ),
      );
      expect(made.filter((row) => row !== undefined)).toHaveLength(1);
    });

    it('has a place of its organisation like any other cage', async () => {
      const { store, tenant } = subject();
      const claw = await deploy();
      const wish = () => ({ holder: tenant.holder, maxCages: MANY, perClaw: 5, prepared: prepared(store) });
      await store.organisations.setCaps(tenant.organisation, { maxCages: 1 });
      expect(await store.places.takeForSpare(claw, wish())).toBeDefined();
      expect(await store.places.takeForSpare(claw, wish())).toBeUndefined();
    });
  });
}
