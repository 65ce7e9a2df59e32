import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { imageTags, ROOT } from '../../ops/image-tags.ts';
import { makeBaseImage } from '../../ops/images.ts';
import { build, hasImage } from '../../ops/images/engine.ts';
import { alone } from './alone.ts';

const run = promisify(execFile);
const RECIPES = fileURLToPath(new URL('images', import.meta.url));
const NODE = join(ROOT, 'node_modules/node/bin/node');
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';
const NPM = '11.4.2';

/**
 * Images as people bring them, made on first use and kept under a name that covers what they are made of, so that a second run finds them.
 * Making `tools` takes half a minute and needs Debian's, Python's and npm's registries as this machine is set to use them.
 */

/** Python 3 with pip and the `openai` package, Node with npm, git, curl, jq; nothing of ours in it. */
export async function toolsImage(): Promise<string> {
  return made('tools', await ensureBase(), async (context) => {
    await run('npm', ['pack', '--silent', '--pack-destination', context, `npm@${NPM}`], { cwd: context });
    await run('tar', ['-xzf', `npm-${NPM}.tgz`], { cwd: context });
    copyFileSync(NODE, join(context, 'node'));
  });
}

/** What the Dockerfiles of the examples are built on here, in place of public images: `toolsImage` which trusts whom this machine trusts. */
export async function workshopImage(): Promise<string> {
  return made('workshop', await toolsImage());
}

/** The image of a folder with a Dockerfile that takes `BASE`, built on the workshop. */
export async function exampleImage(name: string, folder: string): Promise<string> {
  return made(name, await workshopImage(), undefined, folder);
}

/** An image of a folder of `images/` that stands on the base of the cage: one that has no C library, or one whose author means ill. */
export async function oddImage(name: 'busybox' | 'hostile'): Promise<string> {
  return made(name, await ensureBase());
}

/** An image of a folder of `images/` that is built from the cage's own. */
export async function builtFromCage(name: 'own-build' | 'altered'): Promise<string> {
  return made(name, imageTags({ baseImage: usualBase() }).cage);
}

const making = new Map<string, Promise<string>>();

function made(
  name: string,
  base: string,
  prepare: (context: string) => Promise<void> = async () => undefined,
  recipe = join(RECIPES, name),
): Promise<string> {
  const tag = `clawcage-test-${name}:${contentOf(recipe, `${base} ${process.version} ${NPM}`)}`;
  const known = making.get(tag) ?? alone(tag, () => make(tag, base, prepare, recipe));
  making.set(tag, known);
  return known;
}

async function make(
  tag: string,
  base: string,
  prepare: (context: string) => Promise<void>,
  recipe: string,
): Promise<string> {
  if (await hasImage(tag)) return tag;
  const context = mkdtempSync(join(tmpdir(), 'clawcage-test-image-'));
  try {
    cpSync(recipe, context, { recursive: true });
    if (existsSync(CERTIFICATES)) copyFileSync(CERTIFICATES, join(context, 'ca-certificates.crt'));
    await prepare(context);
    await build({ context, tag, network: 'host', args: { BASE: base } });
  } finally {
    rmSync(context, { recursive: true });
  }
  return tag;
}

const usualBase = (): string | undefined => process.env['CLAWCAGE_BASE_IMAGE'] || undefined;
const ensureBase = (): Promise<string> => makeBaseImage(() => undefined, { baseImage: usualBase() });

function contentOf(folder: string, more: string): string {
  const hash = createHash('sha256').update(more);
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    hash.update(`${path.slice(folder.length)}\0`).update(readFileSync(path));
  }
  return hash.digest('hex').slice(0, 16);
}
