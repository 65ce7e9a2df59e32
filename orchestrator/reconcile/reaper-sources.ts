import type { Runtime } from '#runtime/runtime.ts';
import type { Store } from '../store/store.ts';
import type { HomeLeftovers } from './home-leftovers.ts';
import type { Facts } from './reaper-plan.ts';

/** Live events kept in Redis, a stream a task. */
export interface EventStreams {
  /** The tasks that have one, some hundreds at most. */
  tasks(): Promise<readonly string[]>;
  forget(task: string): Promise<void>;
}

export interface Places {
  readonly store: Pick<Store, 'leftovers' | 'tasks' | 'orchestrators'>;
  readonly runtime: Pick<Runtime, 'list' | 'leftovers'>;
  readonly shredding: { list(): Promise<readonly { readonly id: string }[]> };
  readonly home: HomeLeftovers;
  readonly streams: EventStreams;
  /** The name under which this process holds cages; null where it has none. */
  readonly self: () => string | null;
}

/** A place where something may be left over, and how often it is worth looking. */
export interface Source {
  readonly name: string;
  readonly everyMs: number;
  look(): Promise<Facts>;
}

/** Of one statement: a database takes 65,535 values at most, and more tasks than that may wait. */
const KEYS_AT_ONCE = 1000;

/** From what costs nothing, in every round, to what reads folders and tables as a whole. */
export function sources(places: Places, graceMs: number): Source[] {
  const { store, runtime, home, streams } = places;
  const seldomMs = 5 * graceMs;
  const hourlyMs = 60 * graceMs;
  return [
    { name: 'cages', everyMs: 0, look: () => lookAtCages(places) },
    {
      name: 'results',
      everyMs: 0,
      look: async () => ({ results: await store.tasks.dueResults(new Date()) }),
    },
    { name: 'engine', everyMs: graceMs, look: async () => ({ engine: await runtime.leftovers() }) },
    { name: 'shredding keys', everyMs: seldomMs, look: () => lookAtKeys(places) },
    {
      name: 'files of tasks',
      everyMs: seldomMs,
      look: async () => ({ taskFiles: await store.leftovers.filesWithoutResult() }),
    },
    {
      name: 'Idempotency-Keys',
      everyMs: hourlyMs,
      look: async () => ({ idempotencyKeys: await store.leftovers.forgottenKeys(new Date()) }),
    },
    {
      name: 'orchestrators',
      everyMs: graceMs,
      look: async () => {
        const locks = await home.lockFiles();
        const live = new Set((await store.orchestrators.live()).map(({ id }) => id));
        return {
          orchestrators: await store.orchestrators.gone(),
          lockFiles: locks.filter((id) => !live.has(id) && id !== places.self()),
        };
      },
    },
    {
      name: 'event streams',
      everyMs: hourlyMs,
      look: async () => {
        const tasks = await streams.tasks();
        const open = await store.leftovers.openOf(tasks);
        return { eventStreams: tasks.filter((id) => !open.has(id)) };
      },
    },
  ];
}

/**
 * Rows before containers, so that a cage that comes between the two is not taken for one whose container is gone; and rows once more where a container seems to have none, so that it
 * is not taken for one without a row.
 */
async function lookAtCages({ store, runtime, self }: Places): Promise<Facts> {
  const live = new Set((await store.orchestrators.live()).map(({ id }) => id));
  const rows = await store.leftovers.cages();
  const containers = await runtime.list();
  const known = new Set(rows.map(({ id }) => id));
  const strangers = containers.some(({ cageId }) => !known.has(cageId));
  const laterRows = new Set(strangers ? (await store.leftovers.cages()).map(({ id }) => id) : []);
  return { cages: { self: self(), live, rows, containers, laterRows } };
}

/** Each waiting task and each result has a key, a file of its own. */
async function lookAtKeys({ store, shredding, home }: Places): Promise<Facts> {
  const keyDrafts = await home.keyDrafts();
  const ids = (await shredding.list()).map(({ id }) => id);
  const shreddingKeys: string[] = [];
  for (let at = 0; at < ids.length; at += KEYS_AT_ONCE) {
    const some = ids.slice(at, at + KEYS_AT_ONCE);
    const needed = await store.tasks.holdingContent(some);
    shreddingKeys.push(...some.filter((id) => !needed.has(id)));
  }
  return { shreddingKeys, keyDrafts };
}
