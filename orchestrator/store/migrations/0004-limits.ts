import { sql, type Kysely, type Migration } from 'kysely';

/** Caps of a key and of an organisation, as a Claw has them: per minute; null is no cap. `max_cages`: cages at once of an organisation. */
const STATEMENTS = [
  sql`alter table keys add column requests_per_minute integer, add column tokens_per_minute integer`,
  sql`alter table organisations add column requests_per_minute integer, add column tokens_per_minute integer,
    add column max_cages integer`,
];

export const limits: Migration = {
  async up(db: Kysely<unknown>) {
    for (const statement of STATEMENTS) await statement.execute(db);
  },
};
