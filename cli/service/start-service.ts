import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Cli } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { Failure, failure } from '../failure.ts';
import { isErrorCode } from '#errors/coded-error.ts';
import { ERRORS } from '#errors/table.ts';
import { waitForLine, type Waited } from './child-lines.ts';
import { writePidFile } from './pid-file.ts';
import { logOf, pidFileOf } from './place.ts';
import { startNode, type Child } from './process.ts';

export interface Started {
  readonly url: string;
  readonly pid: number;
  readonly child: Child;
}

const READY_MS = 180_000;

/**
 * Starts the service and waits until it is ready. Fails with the service's own coded error (`image_missing` and `runtime_unavailable`
 * mean: not set up), `port_in_use`, or `start_failed` with its last lines.
 */
export async function startService(
  cli: Cli,
  options: { env: NodeJS.ProcessEnv; onStep: (name: string, ms: number) => void; signal: AbortSignal },
): Promise<Started> {
  const { place } = cli;
  await assertPortFree(place);
  const child = startNode(cli.programs.service, [], {
    env: options.env,
    outputFile: join(place.home, 'log', 'start.log'),
  });
  try {
    const waited = await waitForLine(child, ({ event }) => event === 'ready' || event === 'failed', {
      onLine: ({ event, name, ms }) => {
        if (event === 'step') options.onStep(String(name), Number(ms));
      },
      timeoutMs: READY_MS,
      signal: options.signal,
    });
    if (waited.line?.event !== 'ready') throw notStarted(cli, waited);
    const started = { url: String(waited.line.url), pid: child.pid, child };
    writePidFile(pidFileOf(place), { pid: started.pid, url: started.url });
    return started;
  } catch (error) {
    if (!child.result()) process.kill(child.pid, 'SIGTERM');
    throw error;
  }
}

async function assertPortFree({ host, port }: Cli['place']): Promise<void> {
  const error = await bindError(host, port);
  if (error === 'EADDRINUSE') throw failure('port_in_use', { host, port });
  if (error === 'EADDRNOTAVAIL' || error === 'ENOTFOUND')
    throw failure('usage_invalid', { CLAWCAGE_HOST: `${host} is no address of this machine` });
  if (error === 'EACCES')
    throw failure('usage_invalid', { CLAWCAGE_PORT: `${port} needs more rights than this user has` });
}

/** Why a port cannot be listened on; `undefined` where it can. */
export function bindError(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

function notStarted(cli: Cli, { line, ended, rest }: Waited): Failure {
  const log = logOf(cli.place);
  const told = line?.error as { code?: unknown; details?: Record<string, unknown> } | undefined;
  if (isErrorCode(told?.code)) {
    const { message, status } = ERRORS[told.code];
    return new Failure({ code: told.code, message, details: { ...told.details, log }, status });
  }
  if (ended?.code === EXIT.notSetUp) return failure('image_missing', { log });
  const how = ended ? { exit: ended.code ?? ended.signal } : { waited: `${READY_MS / 1000} s` };
  return failure('start_failed', { ...how, ...(rest.length > 0 && { said: rest.join(' | ') }), log });
}
