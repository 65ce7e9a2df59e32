import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
// Halves the start, which somebody waits for at each press of the Tab key. It lies in the checkout: who can write there can write the sources too.
enableCompileCache(join(root, 'build/compile-cache'));
const [{ runCli }, { processTerminal }] = await Promise.all([
  import('./run-cli.ts'),
  import('./terminal/terminal.ts'),
]);

// A reader that went away (`clawcage tasks list | head`) is no error of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await runCli(process.argv.slice(2), processTerminal(), {
  service: join(root, 'orchestrator/main.ts'),
  backup: join(root, 'orchestrator/backup-main.ts'),
  simulator: join(root, 'provider-sim/main.ts'),
  example: join(root, 'examples/word-counter'),
});
