import type { Kysely } from 'kysely';
import { CodedError } from '#errors/coded-error.ts';
import type { TaskState } from '#task/state.ts';
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

export interface TaskPage {
  readonly items: TaskRow[];
  readonly nextCursor: string | null;
}

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
    .$if(cursor !== undefined, (tasks) => tasks.where('id', '<', idIn(cursor!)))
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute();
  const items = rows.slice(0, limit);
  const last = rows.length > limit ? items.at(-1) : undefined;
  return { items, nextCursor: last === undefined ? null : Buffer.from(last.id).toString('base64url') };
}

function idIn(cursor: string): string {
  const id = Buffer.from(cursor, 'base64url').toString('utf8');
  if (/^task_[0-9a-z]{20}$/.test(id)) return id;
  throw new CodedError('request_invalid', {
    fields: [{ field: 'cursor', problem: 'not a cursor of this list' }],
  });
}
