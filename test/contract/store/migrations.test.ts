import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../../orchestrator/store/store.ts';
import { TestPostgres } from '../../support/postgres.ts';
import { newTenant } from '../../support/store-rows.ts';

let postgres: TestPostgres;
let folder: string;
beforeAll(async () => {
  postgres = await TestPostgres.start();
  folder = await mkdtemp(path.join(tmpdir(), 'clawcage-migrations-'));
});
afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

describe.each(['PGlite', 'PostgreSQL'])('migrations of a %s', (kind) => {
  it('that were killed in the middle are done by the next start', async () => {
    const home = path.join(folder, kind);
    const databaseUrl = kind === 'PostgreSQL' ? await postgres.newDatabase() : undefined;
    const program = path.join(import.meta.dirname, 'migration.child.ts');
    const child = spawn(
      process.execPath,
      [program, home, ...(databaseUrl === undefined ? [] : [databaseUrl])],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    expect(String(said)).toBe('in the middle\n');
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    const log = { warn: () => undefined };
    const store = await openStore({ home, log, ...(databaseUrl !== undefined && { databaseUrl }) });
    try {
      const { task } = await (await newTenant(store)).addTask();
      expect(task.state).toBe('queued');
    } finally {
      await store.close();
    }
  });
});
