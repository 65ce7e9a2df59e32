import { IMAGE_PATHS, inCage } from '../paths.ts';
import { serveLink } from './link/serve-link.ts';
import { prove } from './proof/prove.ts';
import { readBootstrap } from './read-bootstrap.ts';
import { EXIT, Warden } from './warden.ts';

const BOOTSTRAP_WITHIN_MS = 10_000;

async function main(): Promise<number> {
  const bootstrap = await readBootstrap(process.stdin, BOOTSTRAP_WITHIN_MS);
  if (bootstrap === undefined) return EXIT.noBootstrap;
  const ownsProcesses = inCage(IMAGE_PATHS);
  const warden = new Warden({
    bootstrap,
    paths: IMAGE_PATHS,
    ownsProcesses,
    prove: (subject) => prove(IMAGE_PATHS, bootstrap.gate, subject),
    serveLink,
  });
  const code = await warden.run();
  await warden.close();
  return code;
}

// The image is built by running each entry once up to here, which fills the compile cache.
if (process.env['CLAWCAGE_BAKE'] !== '1') {
  // On Kubernetes the output lands on the node's disk: a failure says its number and nothing else.
  process.on('uncaughtException', () => process.exit(EXIT.broken));
  process.exit(await main());
}
