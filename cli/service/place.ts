import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { failure } from '../failure.ts';
import { readPidFile } from './pid-file.ts';

/** Where an installation lives on this machine, and where its service listens or would listen. */
export interface Place {
  readonly home: string;
  readonly host: string;
  readonly port: number;
}

export const DEFAULT_PORT = 4180;

/** From CLAWCAGE_HOME, CLAWCAGE_HOST and CLAWCAGE_PORT; `usage_invalid` for a port that is none. The service checks all the others. */
export function placeFrom(env: Readonly<Record<string, string | undefined>>): Place {
  // Kubernetes injects CLAWCAGE_PORT=tcp://… for a Service of that name.
  const given = env.CLAWCAGE_PORT?.startsWith('tcp://') ? undefined : env.CLAWCAGE_PORT;
  const port = Number(given || DEFAULT_PORT);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw failure('usage_invalid', { CLAWCAGE_PORT: 'a port, 0 to 65535' });
  return {
    home: resolve(env.CLAWCAGE_HOME || join(homedir(), '.clawcage')),
    host: env.CLAWCAGE_HOST || '127.0.0.1',
    port,
  };
}

/** The address of the running service where it left one, else the one where it would listen. */
export function addressOf(place: Place): string {
  return readPidFile(pidFileOf(place))?.url ?? `http://${reachable(place.host)}:${place.port}`;
}

export const pidFileOf = (place: Place): string => join(place.home, 'clawcage.pid');
export const logOf = (place: Place): string => join(place.home, 'log', 'orchestrator.log');

/** The administrator's token; `undefined` where the service was never started with this home. */
export function adminToken(place: Place): string | undefined {
  try {
    return readFileSync(join(place.home, 'admin-token'), 'utf8').trim() || undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw failure('not_authenticated', {
      file: join(place.home, 'admin-token'),
      reason: (error as NodeJS.ErrnoException).code,
    });
  }
}

/** Every interface is no address to connect to: its loopback is. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
