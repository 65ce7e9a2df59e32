import { join } from 'node:path';
import { runCli } from './run-cli.ts';
import { processTerminal } from './terminal/terminal.ts';

const root = join(import.meta.dirname, '..');

// A reader that went away (`clawcage tasks list | head`) is no error of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await runCli(process.argv.slice(2), processTerminal(), {
  service: join(root, 'orchestrator/main.ts'),
  simulator: join(root, 'provider-sim/main.ts'),
  example: join(root, 'examples/word-counter'),
});
