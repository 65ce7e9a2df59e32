import type { Runtime } from '#runtime/runtime.ts';
import type { Config } from '../config.ts';
import { openHome, type Home } from '../home/home.ts';
import { openLog } from '../log.ts';
import { startRedis, type RedisService } from '../redis/start-redis.ts';
import { StoreLock } from '../store/lock.ts';
import { openStore, type Store } from '../store/store.ts';
import { startRuntime, type StartedRuntime } from './start-runtime.ts';

/** What everything else stands on. */
export interface Base {
  readonly home: Home;
  readonly log: ReturnType<typeof openLog>;
  readonly store: Store;
  readonly redis: RedisService;
  readonly runtime: Runtime;
  readonly cageImage: string;
}

export type Step = <T>(name: string, work: () => Promise<T>) => Promise<T>;

/** Opens home, database, Redis and engine, the slow ones at once; `undo` closes what was opened. */
export async function openBase(config: Config, undo: AsyncDisposableStack, step: Step): Promise<Base> {
  const home = await step('home', () => openHome(config.home));
  const log = openLog(config.home, config.logLevel);
  // Before anything is touched that another process on this home may be using: its Redis would end with ours, its gate be replaced.
  const lock = config.databaseUrl === undefined ? undo.use(StoreLock.take(config.home)) : undefined;
  // All are waited for, also where one fails: what did open is closed again.
  const opening = await Promise.allSettled([
    step('store', () =>
      openStore({
        home: config.home,
        ...(config.databaseUrl !== undefined && { databaseUrl: config.databaseUrl }),
        ...(lock && { lock }),
        log,
      }),
    ),
    step('redis', () =>
      startRedis({ home: config.home, ...(config.redisUrl !== undefined && { url: config.redisUrl }), log }),
    ),
    step('engine and gate', () => startRuntime(config, home)),
  ]);
  for (const part of opening) if (part.status === 'fulfilled') undo.defer(() => part.value.close());
  const [store, redis, { runtime, cageImage }] = opening.map((part) => {
    if (part.status === 'rejected') throw part.reason;
    return part.value;
  }) as unknown as [Store, RedisService, StartedRuntime];
  return { home, log, store, redis, runtime, cageImage };
}
