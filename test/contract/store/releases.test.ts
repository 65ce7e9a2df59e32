import { CamelCasePlugin, Kysely, PostgresDialect, sql, type Migration } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MIGRATIONS, migrate } from '../../../orchestrator/store/migrate.ts';
import { openPool } from '../../../orchestrator/store/open-postgres.ts';
import { openStore } from '../../../orchestrator/store/store.ts';
import type { Database } from '../../../orchestrator/store/schema.ts';
import { TestPostgres } from '../../support/postgres.ts';
import { newTenant } from '../../support/store-rows.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await TestPostgres.start();
});
afterAll(() => postgres[Symbol.asyncDispose]());

const log = { warn: () => undefined };
const open = (databaseUrl: string) => openStore({ home: '/nowhere', log, databaseUrl });

/** A release later than this one, with migrations of its own, brings the tables up to date. */
async function byLaterRelease(databaseUrl: string, added: Record<string, Migration>): Promise<void> {
  const pool = openPool(databaseUrl, log);
  const db = new Kysely<Database>({
    dialect: new PostgresDialect({ pool }),
    plugins: [new CamelCasePlugin()],
  });
  await migrate(db, { migrations: { ...MIGRATIONS, ...added }, release: '99.1.0' }).finally(() => pool.end());
}

const adds = (column: string): Migration => ({
  up: async (db) => void (await sql.raw(`alter table tasks add column ${column} text`).execute(db)),
});
const drops = (column: string): Migration => ({
  up: async (db) => void (await sql.raw(`alter table tasks drop column ${column}`).execute(db)),
});

describe('a database that a later release brought up to date', () => {
  it('opens for this one where the later migrations only add, whichever of them came first', async () => {
    const databaseUrl = await postgres.newDatabase();
    const both = await Promise.all([
      byLaterRelease(databaseUrl, { '0098-mood': adds('mood') }).then(() => open(databaseUrl)),
      open(databaseUrl),
      open(databaseUrl),
    ]);
    try {
      await byLaterRelease(databaseUrl, { '0098-mood': adds('mood'), '0099-smell': adds('smell') });
      const again = await open(databaseUrl);
      const { task } = await (await newTenant(again)).addTask();
      expect(await again.tasks.requestCancel(task.organisation, task.id)).toBe(true);
      await again.close();
    } finally {
      await Promise.all(both.map((store) => store.close()));
    }
  });

  it('is refused with the remedy where one took away what this release uses', async () => {
    const databaseUrl = await postgres.newDatabase();
    await byLaterRelease(databaseUrl, { '0098-contract-since-98.0.0-no-ref': drops('ref') });
    await expect(open(databaseUrl)).rejects.toMatchObject({
      code: 'store_newer',
      verdict: 'final',
      details: { migrations: ['0098-contract-since-98.0.0-no-ref'] },
    });
  });

  it('opens where what was taken away is not used since a release that is no later than this one', async () => {
    const databaseUrl = await postgres.newDatabase();
    await byLaterRelease(databaseUrl, {
      '0098-mood': adds('mood'),
      '0099-contract-since-0.0.1-no-mood': drops('mood'),
    });
    await (await open(databaseUrl)).close();
  });

  it('is refused where a migration bears a name that tells nothing', async () => {
    const databaseUrl = await postgres.newDatabase();
    await byLaterRelease(databaseUrl, { 'zz Mood': adds('mood') });
    await expect(open(databaseUrl)).rejects.toMatchObject({ code: 'store_newer' });
  });
});

describe("what a later release wrote into a Claw's document", () => {
  it('is passed over on reading, and stays when this release changes the Claw', async () => {
    const databaseUrl = await postgres.newDatabase();
    const store = await open(databaseUrl);
    const { organisation, claw } = await newTenant(store);
    await postgres.query(
      databaseUrl,
      `update claws set behaviour = behaviour || '{"mood": "good", "retry": {"attempts": 4, "backoffMs": 10, "maxBackoffMs": 20, "idempotent": true, "rhythm": 3}}'`,
    );
    expect((await store.claws.byId(organisation, claw.id))?.retry).toEqual({
      attempts: 4,
      backoffMs: 10,
      maxBackoffMs: 20,
      idempotent: true,
    });
    await store.claws.patch(organisation, claw.id, { instructions: 'Anew.', agent: claw.agent });
    const [row] = await postgres.rows<{ behaviour: object }>(databaseUrl, 'select behaviour from claws');
    expect(row?.behaviour).toMatchObject({ mood: 'good', retry: { rhythm: 3 } });
    await store.close();
  });

  it('and cannot be guessed is left to orchestrators of that release', async () => {
    const databaseUrl = await postgres.newDatabase();
    const store = await open(databaseUrl);
    const { organisation, claw } = await newTenant(store);
    await postgres.query(databaseUrl, `update claws set behaviour = behaviour || '{"reuse": "never-again"}'`);
    await expect(store.claws.byId(organisation, claw.id)).rejects.toMatchObject({
      code: 'release_newer',
      details: { claw: claw.id, fields: ['reuse'] },
    });
    expect(await store.claws.list(organisation)).toEqual([]);
    await store.close();
  });
});
