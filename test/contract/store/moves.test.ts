import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FINAL_STATES, isFinal, TASK_STATES } from '#task/state.ts';
import { openStore, type Store } from '../../../orchestrator/store/store.ts';
import { TestPostgres } from '../../support/postgres.ts';
import { newTenant, type Tenant } from '../../support/store-rows.ts';
import { mayMove, RULES, type CageCell, type Holder, type TaskCell } from '../../support/model/rules.ts';

/** The rules by which the explorer of test/unit/model takes its steps are those of the statements: one truth table. */

let postgres: TestPostgres;
let databaseUrl: string;
let store: Store;
let pool: pg.Pool;
let tenant: Tenant;
let live: string;
let other: string;
let gone: string;
const isLive = (name: string): boolean => name !== gone;

beforeAll(async () => {
  postgres = await TestPostgres.start();
  databaseUrl = await postgres.newDatabase();
  store = await openStore({ home: '/nowhere', log: { warn: () => undefined }, databaseUrl });
  pool = new pg.Pool({ connectionString: databaseUrl });
  tenant = await newTenant(store);
  const register = async () =>
    (
      await store.orchestrators.register({
        id: store.orchestrators.newId(),
        machine: 'here',
        pid: 1,
        version: '0',
      })
    ).id;
  [live, other, gone] = [await register(), await register(), await register()];
  await store.orchestrators.leave(gone);
});
afterAll(async () => {
  await Promise.all([store.close(), pool.end()]);
  await postgres[Symbol.asyncDispose]();
});

const set = (table: string, id: string, cell: Record<string, unknown>): Promise<unknown> =>
  pool.query(
    `update ${table} set ${Object.keys(cell)
      .map((column, at) => `${column} = $${at + 2}`)
      .join(', ')} where id = $1`,
    [id, ...Object.values(cell)],
  );

describe('a move of a task', () => {
  it('happens in the store where it happens in the model, and nowhere else', async () => {
    const { organisation, addTask } = tenant;
    const { id } = (await addTask()).task;
    const wrong: unknown[] = [];
    for (const state of TASK_STATES)
      for (const holder of [null, live, gone] as Holder[])
        for (const [seenEpoch, seenHolder] of [
          [3, holder],
          [2, holder],
          [3, other],
        ] as [number, Holder][]) {
          const row: TaskCell = { state, epoch: 3, holder };
          const seen = { organisation, id, epoch: seenEpoch, holder: seenHolder };
          const began = { organisation, id, epoch: seenEpoch };
          const moves: [string, boolean, () => Promise<unknown>][] = [
            [
              'takeEpoch',
              mayMove(RULES, row, { ...began, holder: null }, 'starting'),
              () => store.tasks.takeEpoch(began, live),
            ],
            ['running', mayMove(RULES, row, seen, 'running'), () => store.tasks.transition(seen, 'running')],
            ['requeue', mayMove(RULES, row, seen, 'queued'), () => store.tasks.requeue(seen)],
            ...FINAL_STATES.map((to): [string, boolean, () => Promise<unknown>] => [
              to,
              mayMove(RULES, row, seen, to),
              () => store.tasks.finish(seen, to),
            ]),
            [
              'adopt',
              RULES.isAsSeen(row, seen) && RULES.mayAdopt(row, live, isLive),
              () => store.tasks.adopt(seen, live),
            ],
          ];
          for (const [move, expected, make] of moves) {
            await set('tasks', id, { ...row, ended_at: isFinal(state) ? new Date() : null });
            const happened = (await make()) !== undefined;
            if (happened !== expected) wrong.push({ move, row, seen, happened });
          }
        }
    expect(wrong).toEqual([]);
  });
});

describe('a change of a cage', () => {
  it('happens in the store where it happens in the model, and nowhere else', async () => {
    const { organisation, claw, key } = tenant;
    const cage = {
      id: store.cages.newId(),
      organisation,
      claw: claw.id,
      purpose: 'task',
      linkSecretRecord: key.record!,
      holder: live,
    } as const;
    await store.cages.insert(cage);
    const wrong: unknown[] = [];
    for (const state of ['creating', 'assigned', 'ending'] as const)
      for (const holder of [null, live, other, gone]) {
        const row: CageCell = { state, holder };
        for (const [change, expected, make] of [
          ['assign', RULES.mayAssign(row, live), () => store.cages.assign(organisation, cage.id, live)],
          ['end', RULES.mayEnd(row, live, isLive), () => store.cages.end(organisation, cage.id, live)],
        ] as const) {
          await set('cages', cage.id, { ...row });
          if ((await make()) !== expected) wrong.push({ change, row });
        }
      }
    expect(wrong).toEqual([]);
  });

  it('by a takeover raises the epoch of its link, so that the holder of before is obeyed no longer', async () => {
    const { organisation, addTask, claw, key } = tenant;
    const { task } = await addTask();
    const begun = await store.tasks.takeEpoch({ organisation, id: task.id, epoch: 0 }, gone);
    const cage = {
      id: store.cages.newId(),
      organisation,
      claw: claw.id,
      purpose: 'task',
      linkSecretRecord: key.record!,
      holder: gone,
    } as const;
    const before = await store.cages.insert({ ...cage, task: task.id, taskEpoch: 1 });
    const taken = await store.tasks.adopt(begun!, live);
    expect(taken?.cages).toMatchObject([{ id: cage.id, holder: live, epoch: before.epoch + 1 }]);
    expect(await store.cages.assign(organisation, cage.id, gone)).toBe(false);
  });
});

describe('a lease', () => {
  it('is confirmed, beaten and given up only while it lives, and once expired stays so', async () => {
    expect(await store.orchestrators.beat(gone)).toBe(RULES.isConfirmed(gone, isLive));
    expect(await store.orchestrators.beat(live)).toBe(RULES.isConfirmed(live, isLive));
    const row = (await store.orchestrators.live()).find(({ id }) => id === live)!;
    expect(await store.orchestrators.expire(live, row.beat - 1)).toBe(false);
  });
});
