import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { ROOT } from './image-tags.ts';
import { engine } from './images/engine.ts';

// Takes away what this installation made, and nothing else: its service, what bears its label on the engine, the images of
// ClawCage that nobody else's containers use, and after a question its home. YES=1 answers the question; without a terminal
// and without an answer the home stays.

const home = resolve(process.env['CLAWCAGE_HOME'] || join(homedir(), '.clawcage'));

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** The service, its cages and the demo's simulator, by the command that knows them; where nothing runs it says so. */
function stopService(): void {
  const { status } = spawnSync(process.execPath, [join(ROOT, 'cli/main.ts'), 'down', '--cages'], {
    stdio: 'inherit',
    env: { ...process.env, CLAWCAGE_HOME: home },
  });
  if (status !== 0) throw new Error('The service does not stop: end it, then try again.');
}

/** Removes each; one that is gone already is no matter, one that the engine keeps is named. */
async function removeEach(
  names: readonly string[],
  kind: string,
  remove: (name: string) => Promise<unknown>,
): Promise<void> {
  let removed = 0;
  for (const name of names) {
    try {
      await remove(name);
      removed += 1;
    } catch (error) {
      const { statusCode, message } = error as { statusCode?: number; message: string };
      if (statusCode === 409) console.log(`kept the ${kind} ${name}, which is in use`);
      else if (statusCode !== 404)
        throw new Error(`The ${kind} ${name} was not removed: ${message}`, { cause: error });
    }
  }
  console.log(`removed ${removed} ${kind}${removed === 1 ? '' : 's'}`);
}

async function removeFromEngine(install: string): Promise<void> {
  const filters = { label: [`clawcage.install=${install}`] };
  const containers = await engine.listContainers({ all: true, filters });
  await removeEach(
    containers.map(({ Id }) => Id),
    'container',
    (id) => engine.getContainer(id).remove({ force: true, v: true }),
  );
  const { Volumes } = await engine.listVolumes({ filters });
  await removeEach(
    (Volumes ?? []).map(({ Name }) => Name),
    'volume',
    (name) => engine.getVolume(name).remove(),
  );
  const networks = await engine.listNetworks({ filters });
  await removeEach(
    networks.map(({ Id }) => Id),
    'network',
    (id) => engine.getNetwork(id).remove(),
  );
}

/** What stands on others first: agents' images with ours laid over them, the parts, the base; other installations' containers keep theirs. */
async function removeImages(): Promise<void> {
  for (const part of ['agent', 'cage', 'gate', 'node', 'parts', 'base']) {
    const images = await engine.listImages({ filters: { label: [`clawcage.image=${part}`] } });
    const names = images.flatMap(({ Id, RepoTags }) => {
      const tags = (RepoTags ?? []).filter((tag) => tag !== '<none>:<none>');
      return tags.length > 0 ? tags.filter((tag) => tag.startsWith('clawcage-')) : [Id];
    });
    await removeEach(names, `${part} image`, (name) => engine.getImage(name).remove());
  }
}

async function mayRemoveHome(): Promise<boolean> {
  if (process.env['YES'] === '1') return true;
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(
    `Remove ${home} with its database, keys and settings, for good? [y/N] `,
  );
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

async function uninstall(): Promise<void> {
  if (existsSync(home)) stopService();
  const install = readIfThere(join(home, 'install-id'));
  if (install) await removeFromEngine(install);
  else console.log(`${home} has no installation: no containers to remove`);
  await removeImages();
  if (!existsSync(home)) return;
  if (await mayRemoveHome()) {
    rmSync(home, { recursive: true });
    console.log(`removed ${home}`);
  } else {
    console.log(`kept ${home}; YES=1 make uninstall removes it`);
  }
}

try {
  await uninstall();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
