import { setTimeout as delay } from 'node:timers/promises';
import { statusReply, type StatusReply } from '#protocol/api.ts';
import { clientOf, type Cli } from '../cli.ts';
import { failure } from '../failure.ts';
import { readPidFile } from './pid-file.ts';
import { adminToken, pidFileOf } from './place.ts';
import { runs } from './process.ts';

export interface Running {
  readonly url: string;
  /** `null` where somebody else than `clawcage up` started it, and left no pid file. */
  readonly pid: number | null;
}

/** A service that has started, or is about to end, gets this long to answer or to be gone. */
const UNDECIDED_MS = 10_000;

/**
 * The service of this home, if it runs. A pid file alone is no proof (it outlives a crash): its process must be the service, and answer.
 * `server_unreachable` where the process lives and does not answer.
 */
export async function findRunning(cli: Cli): Promise<Running | undefined> {
  const until = performance.now() + UNDECIDED_MS;
  for (;;) {
    const left = readPidFile(pidFileOf(cli.place));
    const alive = left !== undefined && runs(left.pid, cli.programs.service);
    if (await answers(cli)) return { url: clientOf(cli).url, pid: alive ? left.pid : null };
    if (!alive) return undefined;
    if (performance.now() > until)
      throw failure('server_unreachable', {
        url: left.url,
        pid: left.pid,
        reason: 'the process lives but does not answer',
      });
    await delay(100);
  }
}

/** Whether a service answers there that knows this home's token: so it is the one of this home. */
async function answers(cli: Cli): Promise<boolean> {
  return (await reportOf(cli, 2000)) !== undefined;
}

/** The service's report, or `undefined` where it does not give one. */
export async function reportOf(
  { place }: Pick<Cli, 'place'>,
  timeoutMs: number,
): Promise<StatusReply | undefined> {
  if (adminToken(place) === undefined) return undefined;
  return clientOf({ place })
    .get('/api/v1/status', statusReply, { timeoutMs })
    .catch(() => undefined);
}
