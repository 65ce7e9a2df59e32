import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEBIAN_SUITE } from '../image-tags.ts';
import { build, engine, follow } from './engine.ts';

const RECIPE = fileURLToPath(new URL('./base', import.meta.url));
const PROBE_MS = 4_000;

/** How the base can be made here: from an image that a registry has, or from Debian's packages. */
export type Origin =
  | { readonly from: 'registry'; readonly image: string; readonly digest: string }
  | { readonly from: 'debootstrap' };

/**
 * Asks the engine for the digest that the registry has for an image: the engine knows its own mirrors and proxies. An
 * answer that takes longer than 4 s counts as none, so that a closed network costs no more than that.
 */
export async function findOrigin(image: string): Promise<Origin> {
  try {
    const found = await distributionOf(image);
    const digest = found.Descriptor?.digest;
    return digest ? { from: 'registry', image, digest } : { from: 'debootstrap' };
  } catch {
    return { from: 'debootstrap' };
  }
}

/** GET /distribution/{name}/json of the engine's API. The SDK's own method for it takes no signal. */
function distributionOf(image: string): Promise<{ Descriptor?: { digest?: string } }> {
  const question = {
    path: `/distribution/${image}/json`,
    method: 'GET',
    statusCodes: { 200: true },
    abortSignal: AbortSignal.timeout(PROBE_MS),
  };
  return new Promise((resolve, reject) => {
    engine.modem.dial(question as never, (error: unknown, found: unknown) =>
      error ? reject(error as Error) : resolve(found as { Descriptor?: { digest?: string } }),
    );
  });
}

/**
 * Makes the base image `tag` and says in a line what it was made from; the label `clawcage.base` records the same. A registry
 * that answers but cannot deliver leads to debootstrap as well.
 */
export async function makeBase(tag: string, origin: Origin, buildFolder: string): Promise<string> {
  if (origin.from === 'registry') {
    const pinned = `${origin.image}@${origin.digest}`;
    try {
      await fromRegistry(tag, pinned, buildFolder);
      return pinned;
    } catch (error) {
      process.stderr.write(`${pinned} does not become a base: ${(error as Error).message}\n`);
    }
  }
  await fromDebootstrap(tag, buildFolder);
  return `debootstrap ${DEBIAN_SUITE}`;
}

async function fromRegistry(tag: string, pinned: string, buildFolder: string): Promise<void> {
  const [name] = splitTag(pinned);
  const digest = pinned.slice(pinned.indexOf('@'));
  await follow(await engine.pull(`${name}${digest}`));
  const context = mkdtempSync(join(buildFolder, 'base-'));
  try {
    copyFileSync(join(RECIPE, 'prepare.sh'), join(context, 'prepare.sh'));
    writeFileSync(
      join(context, 'Dockerfile'),
      `FROM ${name}${digest}\nCOPY prepare.sh /prepare.sh\nRUN sh /prepare.sh && rm /prepare.sh\n`,
    );
    await build({ context, tag, network: 'host', labels: labels(pinned), args: proxies() });
  } finally {
    rmSync(context, { recursive: true });
  }
}

async function fromDebootstrap(tag: string, buildFolder: string): Promise<void> {
  const folder = mkdtempSync(join(buildFolder, 'base-'));
  try {
    const archive = join(folder, 'base.tar');
    await asRoot('sh', [join(RECIPE, 'debootstrap.sh'), DEBIAN_SUITE, archive]);
    const changes = Object.entries(labels(`debootstrap ${DEBIAN_SUITE}`)).map(
      ([name, value]) => `LABEL ${name}="${value}"`,
    );
    const [repo, version] = splitTag(tag);
    // The types leave out `changes`, which the engine takes as a repeated parameter.
    const options = { repo, tag: version, changes } as unknown as { repo: string; tag: string };
    await follow(await engine.importImage(createReadStream(archive), options));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function labels(origin: string): Record<string, string> {
  return { 'clawcage.image': 'base', 'clawcage.base': origin };
}

/** `host:5000/name:tag@digest` as its name and its tag. */
function splitTag(reference: string): [name: string, tag: string] {
  const plain = reference.split('@')[0] ?? reference;
  const colon = plain.lastIndexOf(':');
  return colon > plain.lastIndexOf('/') ? [plain.slice(0, colon), plain.slice(colon + 1)] : [plain, 'latest'];
}

function proxies(): Record<string, string> {
  const names = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

async function asRoot(command: string, args: readonly string[]): Promise<void> {
  const line = process.getuid?.() === 0 ? [command, ...args] : ['sudo', command, ...args];
  const child = spawn(line[0] ?? command, line.slice(1), { stdio: ['ignore', 2, 2] });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${line.join(' ')} ended with ${code}`);
}
