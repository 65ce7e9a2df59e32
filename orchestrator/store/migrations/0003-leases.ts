import { sql, type Kysely, type Migration } from 'kysely';

/**
 * Several orchestrators on one database: who they are, and which of them holds a cage or an attempt. A beat that does not change is how the others see that one is
 * gone, so no clock has a part in it. `retry_wait_ms` is how long a task that goes back to the queue waits: a clock that was set back does not make that longer. `spared` are attempts that the machine cut
 * short and the policy does not count; `handed_over` that the present one's agent may have its task.
 */
const STATEMENTS = [
  sql`create table orchestrators (
    id text collate "C" primary key,
    machine text not null,
    pid integer not null,
    version text not null,
    state text not null default 'live' check (state in ('live', 'left', 'expired')),
    beat bigint not null default 0,
    started_at timestamptz not null
  )`,
  sql`alter table cages add column holder text collate "C"`,
  sql`create index cages_of_holder on cages (holder)`,
  sql`alter table tasks add column holder text collate "C", add column retry_wait_ms integer,
    add column spared integer not null default 0, add column handed_over boolean not null default false`,
  sql`create index tasks_of_holder on tasks (holder) where ended_at is null and holder is not null`,
];

export const leases: Migration = {
  async up(db: Kysely<unknown>) {
    for (const statement of STATEMENTS) await statement.execute(db);
  },
};
