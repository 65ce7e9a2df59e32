import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openStore, type Store } from '../../orchestrator/store/store.ts';
import { giveStore } from './made-store.ts';

/** A store of the test's own in a home that goes with it. */
export async function pgliteStore(): Promise<{ store: Store; close(): Promise<void> }> {
  const home = await mkdtemp(path.join(tmpdir(), 'clawcage-store-'));
  await giveStore(home);
  const store = await openStore({ home, log: { warn: () => undefined } });
  return {
    store,
    close: async () => {
      await store.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}
