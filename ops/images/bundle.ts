import { join } from 'node:path';
import { build } from 'esbuild';
import { ROOT } from '../image-tags.ts';

/** The processes of each image: `cage-image/<process>/main.ts` becomes `<process>.mjs`. */
export const PROCESSES = { cage: ['warden', 'meter', 'agent'], gate: ['gate'] } as const;

// For packages in CommonJS that ask for a built-in module by `require`.
const REQUIRE =
  "import { createRequire as $require } from 'node:module'; const require = $require(import.meta.url);";

/**
 * Bundles one process into a folder: one file, and one more for each dynamic import, which is so loaded when it is needed.
 * `sources` is where the entry files lie (`cage-image`).
 */
export async function bundle(
  process: string,
  into: string,
  sources = join(ROOT, 'cage-image'),
): Promise<void> {
  await build({
    entryPoints: { [process]: join(sources, process, 'main.ts') },
    outdir: into,
    outExtension: { '.js': '.mjs' },
    chunkNames: `${process}-[hash]`,
    absWorkingDir: ROOT,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    minify: true,
    keepNames: true,
    legalComments: 'none',
    logLevel: 'warning',
    banner: { js: REQUIRE },
  });
}
