import { sql, type Kysely, type Migration } from 'kysely';

/**
 * What a Claw does with a model: its behaviour as one document, tasks with a time and a rank, batches, files that tasks left, deliveries of webhooks,
 * and the operation of each call in the ledger. A piece of a file belongs to the attempt that wrote it.
 */
const STATEMENTS = [
  sql`alter table claws add column behaviour jsonb not null default '{}'::jsonb`,
  sql`create table batches (
    id text collate "C" primary key,
    organisation_id text collate "C" not null references organisations (id),
    claw_id text collate "C" not null,
    total integer not null,
    idempotency_key text,
    idempotency_hash text,
    created_at timestamptz not null,
    unique (organisation_id, id),
    foreign key (organisation_id, claw_id) references claws (organisation_id, id)
  )`,
  sql`create unique index batches_idempotency on batches (claw_id, idempotency_key) where idempotency_key is not null`,
  sql`alter table tasks
    add column priority integer not null default 0,
    add column not_before timestamptz,
    add column deadline timestamptz,
    add column batch_id text collate "C",
    add column ref text,
    add column webhook text,
    add column acted boolean not null default false,
    add foreign key (organisation_id, batch_id) references batches (organisation_id, id)`,
  sql`create index tasks_of_batch on tasks (batch_id, id) where batch_id is not null`,
  sql`create index tasks_next on tasks (claw_id, priority desc, id) where state = 'queued'`,
  sql`create index tasks_deadline on tasks (deadline) where ended_at is null and deadline is not null`,
  sql`create table task_files (
    organisation_id text collate "C" not null references organisations (id),
    task_id text collate "C" not null references tasks (id),
    epoch integer not null,
    path text not null,
    piece integer not null,
    last boolean not null,
    bytes integer not null,
    sealed bytea not null,
    primary key (task_id, epoch, path, piece)
  )`,
  sql`create table deliveries (
    id text collate "C" primary key,
    organisation_id text collate "C" not null references organisations (id),
    task_id text collate "C" not null references tasks (id),
    url text not null,
    state text not null default 'waiting' check (state in ('waiting', 'delivered', 'failed')),
    attempts integer not null default 0,
    last_status integer,
    last_error text,
    next_at timestamptz,
    created_at timestamptz not null
  )`,
  sql`create index deliveries_due on deliveries (next_at) where state = 'waiting'`,
  sql`create index tasks_ended_with_webhook on tasks (ended_at) where webhook is not null and ended_at is not null`,
  sql`create index deliveries_of_task on deliveries (organisation_id, task_id)`,
  sql`alter table organisations add column webhook_secret_record bytea`,
  sql`alter table ledger add column operation text not null default 'chat'`,
  sql`create index ledger_at on ledger (organisation_id, at)`,
];

export const wholeWay: Migration = {
  async up(db: Kysely<unknown>) {
    for (const statement of STATEMENTS) await statement.execute(db);
  },
};
