import { chmodSync, copyFileSync, linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_BASE_IMAGE, imageTags, ROOT, type ImageTags } from './image-tags.ts';
import { findOrigin, makeBase, type Origin } from './images/base.ts';
import { bundle, PROCESSES } from './images/bundle.ts';
import { build, hasImage } from './images/engine.ts';
import { pruneImages } from './images/prune.ts';

const PARTS = ['cage', 'gate'] as const;

export interface ImagesOptions {
  /** The reference of the Debian image that the base is made from; DEFAULT_BASE_IMAGE if left out. */
  readonly baseImage?: string | undefined;
  /** Where the entry files of the processes lie; `cage-image` if left out. */
  readonly sources?: string | undefined;
  /** Names other than `imageTags()` gives. */
  readonly tags?: ImageTags | undefined;
}

/** What is still to be done before the images are all there; the way to a base is looked for only if there is none. */
export async function imagesToMake(
  options: ImagesOptions = {},
): Promise<'nothing' | 'parts' | Origin['from']> {
  const tags = options.tags ?? imageTags(options);
  if ((await hasImage(tags.cage)) && (await hasImage(tags.gate))) return 'nothing';
  return (await hasImage(tags.base))
    ? 'parts'
    : (await findOrigin(options.baseImage ?? DEFAULT_BASE_IMAGE)).from;
}

/**
 * Makes the images that are missing and leaves those that are there; `say` gets one line for each that was made. Only images are
 * written: the folders that it works in are gone at the end.
 */
export async function makeImages(
  say: (line: string) => void,
  options: ImagesOptions = {},
): Promise<ImageTags> {
  const tags = options.tags ?? imageTags(options);
  if ((await imagesToMake(options)) !== 'nothing') await makeBaseImage(say, options);
  const missing: (typeof PARTS)[number][] = [];
  for (const part of PARTS) if (!(await hasImage(tags[part]))) missing.push(part);
  if (missing.length === 0) return tags;
  const context = await buildContext(options.sources);
  try {
    for (const part of missing) {
      await build({ context, tag: tags[part], target: part, args: { BASE: tags.base } });
      say(tags[part]);
    }
  } finally {
    rmSync(context, { recursive: true });
  }
  return tags;
}

/** Makes the base alone where it is missing. */
export async function makeBaseImage(
  say: (line: string) => void,
  options: ImagesOptions = {},
): Promise<string> {
  const { base } = options.tags ?? imageTags(options);
  if (await hasImage(base)) return base;
  mkdirSync(join(ROOT, 'build'), { recursive: true });
  const origin = await findOrigin(options.baseImage ?? DEFAULT_BASE_IMAGE);
  say(`${base} from ${await makeBase(base, origin, join(ROOT, 'build'))}`);
  return base;
}

/**
 * Fills a folder with what the Dockerfile takes; it is the caller's to remove. It holds the bundles of both parts, since the classic
 * builder also makes the stages that its target does not need.
 */
export async function buildContext(sources?: string): Promise<string> {
  mkdirSync(join(ROOT, 'build'), { recursive: true });
  const context = mkdtempSync(join(ROOT, 'build', 'image-'));
  try {
    await fill(context, sources);
  } catch (error) {
    rmSync(context, { recursive: true });
    throw error;
  }
  return context;
}

async function fill(context: string, sources: string | undefined): Promise<void> {
  copyFileSync(join(ROOT, 'cage-image', 'Dockerfile'), join(context, 'Dockerfile'));
  copyFileSync(join(ROOT, 'ops', 'images', 'own-libc.ts'), join(context, 'own-libc.ts'));
  const node = join(ROOT, 'node_modules', 'node', 'bin', 'node');
  try {
    linkSync(node, join(context, 'node'));
  } catch {
    copyFileSync(node, join(context, 'node'));
  }
  for (const part of PARTS) {
    const folder = join(context, part);
    for (const process of PROCESSES[part]) await bundle(process, folder, sources);
    chmodSync(folder, 0o755);
    for (const file of readdirSync(folder)) chmodSync(join(folder, file), 0o644);
  }
}

if (import.meta.main) {
  const baseImage = process.env['CLAWCAGE_BASE_IMAGE'] || undefined;
  if (process.argv.includes('--to-make')) {
    console.log(await imagesToMake({ baseImage }));
  } else {
    const made: string[] = [];
    await makeImages((line) => made.push(line), { baseImage });
    if (process.argv.includes('--prune'))
      for (const name of await pruneImages(imageTags({ baseImage }))) made.push(`removed ${name}`);
    // The mark by which ops/setup.sh shows a line.
    for (const line of made) console.log(`note: ${line}`);
    if (made.length === 0) console.log('the images are there');
  }
}
