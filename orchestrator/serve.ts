import { CodedError, toCodedError } from '#errors/coded-error.ts';
import { compose } from './compose.ts';
import { loadConfig, type Config } from './config.ts';

/** What whoever started us reads on stdout: one line of JSON each. */
const say = (event: Record<string, unknown>): void => void process.stdout.write(`${JSON.stringify(event)}\n`);

/** Not set up: what `make setup` would mend. */
const SETUP_CODES: readonly string[] = ['image_missing', 'runtime_unavailable'];
/** A rolling upgrade waits ten seconds for a hand-over. */
const STOP_LIMIT_MS = 9500;

/** The service from its start to its end; resolves when it is ready. Its process ends with it, and with 3 where it was not set up. */
export async function serve(env: NodeJS.ProcessEnv): Promise<void> {
  const config = read(env);
  const service = await compose(config, (name, ms) => say({ event: 'step', name, ms: Math.round(ms) })).catch(
    fail,
  );
  let stopping = false;
  const stop = async (): Promise<void> => {
    // Who asks a second time does not want to wait: others take over once the lease is over, as after a crash.
    if (stopping) process.exit(0);
    stopping = true;
    setTimeout(() => process.exit(0), STOP_LIMIT_MS).unref();
    await service.close().catch((error: unknown) => console.error(error));
    process.exit(0);
  };
  process.on('SIGTERM', () => void stop());
  process.on('SIGINT', () => void stop());
  const url = await service.listen().catch((error: unknown) => fail(portInUse(error, config)));
  say({ event: 'ready', url, home: config.home, pid: process.pid });
}

function read(env: NodeJS.ProcessEnv): Config {
  try {
    return loadConfig(env);
  } catch (error) {
    return fail(error);
  }
}

function portInUse(error: unknown, { http }: Config): unknown {
  return (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
    ? new CodedError('port_in_use', { ...http })
    : error;
}

function fail(error: unknown): never {
  const coded = toCodedError(error);
  const cause =
    coded.code === 'internal' && coded.cause instanceof Error ? { cause: coded.cause.message } : {};
  say({ event: 'failed', error: { ...new CodedError(coded.code, { ...coded.details, ...cause }).toBody() } });
  if (coded.code === 'internal') console.error(coded.cause);
  process.exit(SETUP_CODES.includes(coded.code) ? 3 : 1);
}
