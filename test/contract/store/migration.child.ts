import { sql } from 'kysely';
import { MIGRATIONS, migrate } from '../../../orchestrator/store/migrate.ts';
import { openDatabase } from '../../../orchestrator/store/open-database.ts';

/** Brings the tables of an empty database up to date, and stands still in the middle of the second migration, which it says. */
const [home, databaseUrl] = process.argv.slice(2);
await using undo = new AsyncDisposableStack();
const db = await openDatabase(undo, {
  home: home!,
  ...(databaseUrl !== undefined && { databaseUrl }),
  log: { warn: () => undefined },
});
const [first, second] = Object.entries(MIGRATIONS);
await migrate(db, {
  migrations: {
    [first![0]]: first![1],
    [second![0]]: {
      up: async (trx) => {
        await second![1].up(trx);
        await sql`select 1`.execute(trx);
        process.stdout.write('in the middle\n');
        await new Promise(() => setInterval(() => undefined, 1000));
      },
    },
  },
});
