import { createHash, type Hash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** What the base image is made from where a registry answers; CLAWCAGE_BASE_IMAGE names another. */
export const DEFAULT_BASE_IMAGE = 'debian:bookworm-slim';

/** The release that debootstrap makes where no registry answers. */
export const DEBIAN_SUITE = 'bookworm';

/** What a bundle can contain besides packages: the import rules of `ops/imports/rules.ts` keep it to these folders. */
const BUNDLED = ['cage-image', 'src/errors', 'src/protocol', 'src/secret', 'src/sealing', 'src/bounds'];
const BASE_RECIPE = 'ops/images/base';
const BUILD_RECIPE = [
  'ops/images/bundle.ts',
  'ops/images/own-libc.ts',
  'package-lock.json',
  'node_modules/node/package.json',
];

export interface ImageTags {
  readonly cage: string;
  readonly gate: string;
  readonly base: string;
}

/**
 * The names of the images that belong to this checkout: `clawcage-<part>:<hash>`, where the hash covers everything that
 * goes into the image (sources, Dockerfile, lock file, Node version, recipe of the base), so that a name is there only if its
 * content is right. Reads some dozen small files, no engine; takes a few milliseconds.
 */
export function imageTags(options: { baseImage?: string | undefined } = {}): ImageTags {
  const base = digest((hash) => {
    hash.update(`${DEBIAN_SUITE}\0${options.baseImage ?? DEFAULT_BASE_IMAGE}\0`);
    addTree(hash, BASE_RECIPE);
  });
  const parts = digest((hash) => {
    hash.update(base);
    for (const path of [...BUILD_RECIPE, ...BUNDLED]) addTree(hash, path);
  });
  return { cage: `clawcage-cage:${parts}`, gate: `clawcage-gate:${parts}`, base: `clawcage-base:${base}` };
}

function digest(fill: (hash: Hash) => void): string {
  const hash = createHash('sha256');
  fill(hash);
  return hash.digest('hex').slice(0, 16);
}

/** Adds a file, or every file under a folder in the order of their names; names count as well as contents. */
function addTree(hash: Hash, path: string): void {
  for (const file of filesUnder(path)) {
    const content = readFileSync(join(ROOT, file));
    hash.update(`${file}\0${content.length}\0`).update(content);
  }
}

function filesUnder(path: string): string[] {
  try {
    return readdirSync(join(ROOT, path), { withFileTypes: true })
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .flatMap((entry) =>
        entry.isDirectory() ? filesUnder(`${path}/${entry.name}`) : [`${path}/${entry.name}`],
      );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return [path];
    throw error;
  }
}
