import { readFileSync } from 'node:fs';
import type { CagePaths } from '../../paths.ts';

/** What the entry point leaves of an environment (see the Dockerfile). */
const KNOWN_VARIABLES = new Set(['NODE_COMPILE_CACHE']);

/**
 * Whatever is loaded into the warden lies in our folder: in a foreign image the libraries, the loader's configuration and the environment are its author's. The
 * meter runs from the same files, with an environment that the warden sets whole. Gives the reason for which it fails.
 */
export function onlyOwnCode(
  paths: Pick<CagePaths, 'installation'>,
  environment: NodeJS.ProcessEnv = process.env,
  proc = '/proc',
): string | undefined {
  const foreign = new Set(
    readFileSync(`${proc}/self/maps`, 'utf8')
      .split('\n')
      .map((line) => line.slice(line.indexOf('/')))
      .filter((path) => path.startsWith('/') && !path.startsWith(`${paths.installation}/`)),
  );
  if (foreign.size > 0) return `loaded from elsewhere: ${[...foreign].slice(0, 4).join(', ')}`;
  const unknown = Object.keys(environment).filter((name) => !KNOWN_VARIABLES.has(name));
  return unknown.length === 0 ? undefined : `variables of the image: ${unknown.slice(0, 4).join(', ')}`;
}
