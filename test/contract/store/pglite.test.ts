import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../../orchestrator/store/store.ts';
import { storeContract } from './store.contract.ts';

/** A long form is run by hand. */
const KILLS = Number(process.env.CLAWCAGE_TEST_KILLS ?? 2);

let home: string;
beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'clawcage-store-'));
});
afterAll(() => rm(home, { recursive: true, force: true }));

const open = () => openStore({ home, log: { warn: () => undefined } });

describe('the store on PGlite', () => {
  storeContract(async () => {
    const store = await open();
    return { store, other: store, close: () => store.close() };
  });
});

describe('a home with a PGlite', () => {
  it('is for one store at a time, in this process too', async () => {
    const store = await open();
    await expect(open()).rejects.toMatchObject({ code: 'store_locked', details: { pid: process.pid } });
    await store.close();
    const again = await open();
    await again.close();
  });

  it('is locked for others while a process has it, free once that was killed, and has every task that was accepted, kill after kill', async () => {
    const accepted = new Map<string, string[]>();
    for (let kill = 0; kill < KILLS; kill += 1) {
      const child = spawn(process.execPath, [path.join(import.meta.dirname, 'pglite.child.ts'), home], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      const organisation = String((await lines.next()).value).slice('open '.length);
      if (kill === 0)
        await expect(open()).rejects.toMatchObject({
          code: 'store_locked',
          details: { home, pid: child.pid },
        });
      const ids: string[] = [];
      accepted.set(organisation, ids);
      while (ids.length < 10 + kill * 20) ids.push(String((await lines.next()).value));
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
      for (let line = await lines.next(); line.done !== true; line = await lines.next()) ids.push(line.value);
    }

    const store = await open();
    try {
      for (const [organisation, ids] of accepted) {
        const { items } = await store.tasks.list(organisation, { limit: 100_000 });
        const kept = new Map(items.map((task) => [task.id, task]));
        for (const id of ids.filter((line) => line.length === 25)) {
          expect(kept.get(id)?.state).toBe('queued');
          expect(await store.tasks.sealedInput(organisation, id)).not.toBeNull();
        }
        expect(kept.size - ids.length).toBeLessThanOrEqual(1);
      }
    } finally {
      await store.close();
    }
  });

  it('whose first start was cut off begins anew', async () => {
    const fresh = await mkdtemp(path.join(tmpdir(), 'clawcage-store-'));
    try {
      await mkdir(path.join(fresh, 'store.new', 'base'), { recursive: true });
      await writeFile(path.join(fresh, 'store.new', 'PG_VERSION'), '18\n');
      const store = await openStore({ home: fresh, log: { warn: () => undefined } });
      await store.ping();
      await store.close();
      expect(existsSync(path.join(fresh, 'store.new'))).toBe(false);
      expect((await stat(path.join(fresh, 'store'))).isDirectory()).toBe(true);
    } finally {
      await rm(fresh, { recursive: true, force: true });
    }
  });

  it('answers with a code after it was closed', async () => {
    const store = await open();
    await store.close();
    await expect(store.ping()).rejects.toMatchObject({ code: 'store_unavailable' });
  });
});
