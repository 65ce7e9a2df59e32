import { CamelCasePlugin, Kysely, PostgresDialect, sql, type Migration } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clawDefaults } from '#protocol/api.ts';
import { ClawsStore } from '../../../orchestrator/store/claws-store.ts';
import { dumpTables } from '../../../orchestrator/store/dump.ts';
import { MIGRATIONS, migrate } from '../../../orchestrator/store/migrate.ts';
import { openPool } from '../../../orchestrator/store/open-postgres.ts';
import { fillStore } from '../../../orchestrator/store/restored-store.ts';
import { openStore, type Store } from '../../../orchestrator/store/store.ts';
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

/** A release with those migrations brings the tables up to date, and does `more` with them. */
async function byRelease(
  release: string,
  databaseUrl: string,
  migrations: Readonly<Record<string, Migration>>,
  more: (db: Kysely<Database>) => Promise<void> = async () => undefined,
): Promise<void> {
  const pool = openPool(databaseUrl, log);
  const db = new Kysely<Database>({
    dialect: new PostgresDialect({ pool }),
    plugins: [new CamelCasePlugin()],
  });
  await migrate(db, { migrations, release })
    .then(() => more(db))
    .finally(() => pool.end());
}

/** A release later than this one, with migrations of its own. */
const byLaterRelease = (databaseUrl: string, added: Record<string, Migration>): Promise<void> =>
  byRelease('99.1.0', databaseUrl, { ...MIGRATIONS, ...added });

/** A release that knew of caps of a Claw only: its database with a key and a Claw, given to `more`. */
async function beforeCapsOfKeys(
  databaseUrl: string,
  more?: (db: Kysely<Database>) => Promise<void>,
): Promise<void> {
  const earlier = Object.fromEntries(Object.entries(MIGRATIONS).filter(([name]) => name < '0004'));
  await byRelease('0.0.2', databaseUrl, earlier, async (db) => {
    const createdAt = new Date();
    await db.insertInto('organisations').values({ id: 'org_1', name: 'default', createdAt }).execute();
    const key = { id: 'key_1', organisationId: 'org_1', name: 'main', provider: 'openai' } as const;
    const shown = { baseUrl: 'https://api.openai.com/v1', masked: '…', record: Buffer.from('sealed') };
    await db
      .insertInto('keys')
      .values({ ...key, ...shown, ca: null, version: 1, state: 'active', verifiedAt: null, createdAt })
      .execute();
    const settings = clawDefaults.parse({ model: 'gpt-test', key: 'main', tokensPerMinute: 1000 });
    await new ClawsStore(db).create({ ...settings, organisation: 'org_1', name: 'worker', key: 'key_1' });
    await sql`update claws set behaviour = behaviour - 'weight' - 'callsAtOnce' - 'unbounded'`.execute(db);
    await more?.(db);
  });
}

/** What was not known of then is no limit, and can be set. */
async function expectNoLimits(store: Store): Promise<void> {
  const none = { requestsPerMinute: null, tokensPerMinute: null };
  expect(await store.organisations.first()).toMatchObject({ id: 'org_1', ...none, maxCages: null });
  expect(await store.keys.byId('org_1', 'key_1')).toMatchObject(none);
  expect(await store.claws.byName('org_1', 'worker')).toMatchObject({
    tokensPerMinute: 1000,
    weight: 1,
    callsAtOnce: null,
    unbounded: null,
  });
  expect(await store.keys.setCaps('org_1', 'key_1', { tokensPerMinute: 5 })).toMatchObject({
    requestsPerMinute: null,
    tokensPerMinute: 5,
  });
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

describe('what a release before caps of keys and organisations left', () => {
  it('has no such caps, in its own database', async () => {
    const databaseUrl = await postgres.newDatabase();
    await beforeCapsOfKeys(databaseUrl);
    const store = await open(databaseUrl);
    await expectNoLimits(store).finally(() => store.close());
  });

  it('has none either where its dump is restored', async () => {
    const tables: [string, readonly string[], string[]][] = [];
    let migrations: readonly string[] = [];
    await beforeCapsOfKeys(await postgres.newDatabase(), (db) =>
      dumpTables(db, {
        begin: async (names) => void (migrations = names),
        table: async (name, columns) => void tables.push([name, columns, []]),
        rows: async (rows) => void tables.at(-1)![2].push(...rows),
      }),
    );
    const databaseUrl = await postgres.newDatabase();
    const options = { home: '/nowhere', log, databaseUrl, migrations, carriesOn: true };
    await fillStore(options, async ({ load }) => {
      for (const table of tables) await load(...table);
    });
    const store = await open(databaseUrl);
    await expectNoLimits(store).finally(() => store.close());
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
