import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL('scratch-image/scratch.mjs', import.meta.url));

/**
 * The name of a small image, made here where the engine does not have it: this Node, the libraries that it is linked to, and
 * `scratch-image/scratch.mjs`, which is a cage or a gate. It lets the runtimes be tested without the real images.
 */
export async function scratchImage(): Promise<string> {
  const content = createHash('sha256')
    .update(process.version)
    .update(await readFile(PROGRAM))
    .update(RECIPE)
    .digest('hex');
  const name = `clawcage-test-scratch:${content.slice(0, 16)}`;
  const known = await run('docker', ['image', 'inspect', name]).then(
    () => true,
    () => false,
  );
  if (!known) await make(name);
  return name;
}

const RECIPE = 'ENTRYPOINT ["/bin/node", "/scratch.mjs"]';

async function make(name: string): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'clawcage-scratch-'));
  try {
    const root = join(work, 'root');
    await place(process.execPath, root, '/bin/node');
    await place(PROGRAM, root, '/scratch.mjs');
    for (const library of await librariesOf(process.execPath)) await place(library, root, library);
    for (const folder of ['work', 'tmp', 'run', 'run/gate', 'proc', 'sys', 'dev', 'etc'])
      await mkdir(join(root, folder), { recursive: true });
    const archive = join(work, 'image.tar');
    const tar = ['--numeric-owner', '--dereference', '-C', root, '-f', archive];
    await run('tar', ['--create', '--owner=0', '--group=0', '--exclude=./run/gate', ...tar, '.']);
    // The gate writes its socket here: a fresh volume takes this folder's owner.
    await run('tar', ['--append', '--owner=10001', '--group=10001', ...tar, './run/gate']);
    await run('docker', ['import', '--change', RECIPE, archive, name]);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function place(from: string, root: string, at: string): Promise<void> {
  await mkdir(join(root, dirname(at)), { recursive: true });
  await symlink(from, join(root, at));
}

async function librariesOf(binary: string): Promise<string[]> {
  const { stdout } = await run('ldd', [binary]);
  return [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path]) => path!);
}
