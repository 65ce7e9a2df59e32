import type { Kysely } from 'kysely';
import type { TaskState } from '#task/state.ts';
import { idIn, pageOf, type IdPage } from './id-cursor.ts';
import type { Database } from './schema.ts';
import { TASK_COLUMNS, type TaskRow } from './task-row.ts';

export interface TaskQuery {
  /** The Claw's id. */
  readonly claw?: string;
  readonly state?: TaskState;
  readonly batch?: string;
  readonly limit: number;
  readonly cursor?: string;
}

export type TaskPage = IdPage<TaskRow>;

/** A page of an organisation's tasks, newest first. Tasks that come meanwhile neither shift nor repeat a page. `request_invalid` for a cursor that is none. */
export async function listTasks(
  db: Kysely<Database>,
  organisation: string,
  query: TaskQuery,
): Promise<TaskPage> {
  const { claw, state, batch, limit, cursor } = query;
  const rows = await db
    .selectFrom('tasks')
    .select(TASK_COLUMNS)
    .where('organisationId', '=', organisation)
    .$if(claw !== undefined, (tasks) => tasks.where('clawId', '=', claw!))
    .$if(state !== undefined, (tasks) => tasks.where('state', '=', state!))
    .$if(batch !== undefined, (tasks) => tasks.where('batchId', '=', batch!))
    .$if(cursor !== undefined, (tasks) => tasks.where('id', '<', idIn(cursor!, 'task')))
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute();
  return pageOf(rows, limit);
}
