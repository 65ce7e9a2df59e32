import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openPGlite } from '../../orchestrator/store/open-pglite.ts';
import { alone } from './alone.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Gives a home a database as its first start would: PGlite makes one in some four seconds of work, which most tests are not about. It is made once, kept under `build/`, and
 * copied; without tables, as these are what a release changes.
 */
export async function giveStore(home: string): Promise<void> {
  const { version } = JSON.parse(
    readFileSync(join(ROOT, 'node_modules/@electric-sql/pglite/package.json'), 'utf8'),
  ) as { version: string };
  const kept = join(ROOT, `build/first-store-${version}`);
  if (!existsSync(kept)) await alone('first-store', () => make(kept));
  cpSync(kept, home, { recursive: true });
}

async function make(kept: string): Promise<void> {
  if (existsSync(kept)) return;
  const draft = `${kept}.new`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  await (await openPGlite(draft)).close();
  renameSync(draft, kept);
}
