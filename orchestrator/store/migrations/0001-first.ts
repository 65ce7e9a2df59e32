import { sql, type Kysely, type Migration } from 'kysely';

/**
 * Ids and cursors are compared as bytes (`collate "C"`), whatever the database's language. A tenant's row refers to another by organisation
 * and id together, so that no row can point into another organisation. Settings are the installation's and nobody's in particular.
 */
const STATEMENTS = [
  sql`create table organisations (
    id text collate "C" primary key,
    name text not null unique,
    created_at timestamptz not null
  )`,
  sql`create table keys (
    id text collate "C" primary key,
    organisation_id text collate "C" not null references organisations (id),
    name text not null,
    provider text not null,
    base_url text not null,
    ca text,
    record bytea,
    masked text not null,
    version integer not null,
    state text not null check (state in ('active', 'revoked')),
    verified_at timestamptz,
    created_at timestamptz not null,
    unique (organisation_id, id),
    check ((state = 'active') = (record is not null))
  )`,
  sql`create unique index keys_name on keys (organisation_id, name) where state = 'active'`,
  sql`create table claws (
    id text collate "C" primary key,
    organisation_id text collate "C" not null references organisations (id),
    name text not null,
    model text not null,
    key_id text collate "C" not null,
    instructions text not null,
    requests_per_minute integer,
    tokens_per_minute integer,
    max_steps integer not null,
    concurrency integer not null,
    timeout_ms integer not null,
    state text not null default 'stopped' check (state in ('stopped', 'deployed')),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    unique (organisation_id, id),
    foreign key (organisation_id, key_id) references keys (organisation_id, id)
  )`,
  sql`create unique index claws_name on claws (organisation_id, name) where deleted_at is null`,
  sql`create table tasks (
    id text collate "C" primary key,
    organisation_id text collate "C" not null references organisations (id),
    claw_id text collate "C" not null,
    state text not null default 'queued'
      check (state in ('queued', 'starting', 'running', 'succeeded', 'failed', 'cancelled', 'timed_out')),
    waiting text,
    epoch integer not null default 0,
    error jsonb,
    cancel_requested boolean not null default false,
    timeout_ms integer not null,
    idempotency_key text,
    idempotency_hash text,
    sealed_input bytea,
    sealed_result bytea,
    result_expires_at timestamptz,
    created_at timestamptz not null,
    started_at timestamptz,
    ended_at timestamptz,
    foreign key (organisation_id, claw_id) references claws (organisation_id, id)
  )`,
  sql`create unique index tasks_idempotency on tasks (claw_id, idempotency_key) where idempotency_key is not null`,
  sql`create index tasks_newest on tasks (organisation_id, id desc)`,
  sql`create index tasks_of_claw on tasks (claw_id, id desc)`,
  sql`create index tasks_open on tasks (claw_id, state, id) where ended_at is null`,
  sql`create index tasks_due on tasks (result_expires_at) where result_expires_at is not null`,
  sql`create table cages (
    id text collate "C" primary key,
    organisation_id text collate "C" not null references organisations (id),
    claw_id text collate "C",
    purpose text not null check (purpose in ('task', 'verify')),
    state text not null default 'creating' check (state in ('creating', 'warm', 'assigned', 'ending')),
    task_id text collate "C",
    task_epoch integer,
    link_secret_record bytea not null,
    epoch integer not null default 0,
    last_seq bigint not null default 0,
    created_at timestamptz not null,
    foreign key (organisation_id, claw_id) references claws (organisation_id, id)
  )`,
  sql`create index cages_of_claw on cages (claw_id, state, id)`,
  sql`create table ledger (
    call_id text collate "C" primary key,
    organisation_id text collate "C" not null,
    claw_id text collate "C" not null,
    task_id text collate "C" not null,
    key_id text collate "C" not null,
    model text not null,
    requests integer not null,
    input_tokens bigint not null,
    cached_tokens bigint not null,
    output_tokens bigint not null,
    reasoning_tokens bigint not null,
    total_tokens bigint not null,
    at timestamptz not null
  )`,
  sql`create index ledger_of_claw on ledger (organisation_id, claw_id, at)`,
  sql`create index ledger_of_key on ledger (organisation_id, key_id, at)`,
  sql`create index ledger_of_task on ledger (organisation_id, task_id)`,
  sql`create table settings (
    name text primary key,
    value jsonb not null
  )`,
];

export const first: Migration = {
  async up(db: Kysely<unknown>) {
    for (const statement of STATEMENTS) await statement.execute(db);
  },
};
