import { sql, type Migration } from 'kysely';
import { describe, expect, it } from 'vitest';
import { nameProblems, problemsOf } from '../../../ops/migrations/rules.ts';
import { statementsOf } from '../../../ops/migrations/statements.ts';
import { MIGRATIONS } from '../../../orchestrator/store/migrate.ts';

const harms = (...statements: string[]): boolean => problemsOf('0009-x', statements).length > 0;

describe('a migration that only adds', () => {
  it.each([
    [
      'a table with rules of its own',
      `create table notes (id text primary key, claw_id text not null unique, check (id <> ''))`,
    ],
    ['an index', 'create index tasks_of_ref on tasks (ref) where ref is not null'],
    ['a column that may be null', 'alter table tasks add column mood text'],
    [
      'a column with a default',
      `alter table tasks add column mood text not null default 'good, drop column'`,
    ],
    [
      'a reference of a new column',
      'alter table tasks add column note_id text, add foreign key (organisation_id, note_id) references notes (organisation_id, id)',
    ],
    ['values for what is new', `update tasks set mood = 'good' where mood is null`],
  ])('is let through: %s', (_, statement) => expect(harms(statement)).toBe(false));

  it('may do what it likes with tables that it made', () => {
    expect(
      harms(
        'create table notes (id text)',
        'create unique index notes_id on notes (id)',
        'alter table notes add column text text not null',
      ),
    ).toBe(false);
    expect(
      harms('alter table tasks add column note text', 'create unique index tasks_note on tasks (note)'),
    ).toBe(false);
  });
});

describe('a migration that an older release would trip over', () => {
  it.each([
    ['a dropped table', 'drop table batches'],
    ['a dropped column', 'ALTER TABLE "tasks" DROP COLUMN "waiting"'],
    ['a dropped column beside an added one', 'alter table tasks add column mood text, drop waiting'],
    ['a renamed column', 'alter table tasks rename column waiting to reason'],
    ['a renamed table', 'alter table tasks rename to jobs'],
    ['a changed type', 'alter table tasks alter column epoch type bigint'],
    ['a column that is required', 'alter table tasks alter column ref set not null'],
    ['a new column that is required', 'alter table tasks add column mood text not null'],
    ['a new unique index', 'create unique index tasks_ref on tasks (ref)'],
    [
      'a new unique index on a column that older releases leave at its default',
      `create unique index tasks_mood on tasks (mood)`,
    ],
    ['a new check', 'alter table tasks add check (epoch < 9)'],
    ['a new reference of old columns', 'alter table tasks add foreign key (ref) references notes (id)'],
    ['a dropped default', 'alter table tasks alter column epoch drop default'],
    ['deleted rows', 'delete from tasks'],
    ['a trigger', 'create trigger t before insert on tasks execute function f()'],
    ['harm behind a semicolon', 'create table notes (id text); drop table batches;'],
    ['harm behind a comment', '-- only adds\n/* really */ drop index tasks_due'],
  ])('is refused: %s', (_, statement) => expect(harms(statement)).toBe(true));
});

describe('the migrations of this checkout', () => {
  it('are seen statement by statement', async () => {
    const one: Migration = {
      up: async (db) => {
        await sql`create table notes (id text)`.execute(db);
        await db.schema.alterTable('tasks').dropColumn('waiting').execute();
      },
    };
    const statements = await statementsOf(one);
    expect(statements).toHaveLength(2);
    expect(problemsOf('0009-x', statements)).toMatchObject([
      { statement: 'alter table "tasks" drop column "waiting"' },
    ]);
  });

  it('keep to the rule, and the check looks at every one of them', async () => {
    const names = Object.keys(MIGRATIONS);
    expect(nameProblems(names, '0.1.0')).toEqual([]);
    for (const [name, migration] of Object.entries(MIGRATIONS)) {
      const statements = await statementsOf(migration);
      expect(statements.length).toBeGreaterThan(0);
      expect(problemsOf(name, statements)).toEqual([]);
    }
  });

  it('are numbered, and one that takes away names a release of before', () => {
    const because = (...names: string[]) => nameProblems(names, '0.4.0').map(({ migration }) => migration);
    expect(because('0001-first', '0002-contract-since-0.3.0-drop-waiting')).toEqual([]);
    expect(because('0001-first', '0003-later')).toEqual(['0003-later']);
    expect(because('0001-contract-drop-waiting')).toEqual(['0001-contract-drop-waiting']);
    expect(because('0001-contract-since-0.4.0-drop')).toEqual(['0001-contract-since-0.4.0-drop']);
    expect(because('0001-Big')).toEqual(['0001-Big']);
  });
});
