import { Limiter } from '../limiter/limiter.ts';
import type { LimiterOptions } from '../limiter/limiter-options.ts';
import type { RedisService } from '../redis/start-redis.ts';
import { LIMITER_RUN_ID, type SettingsStore } from '../store/settings-store.ts';

interface LimiterParts extends Pick<LimiterOptions, 'install' | 'holdMs' | 'onError'> {
  readonly redis: Pick<RedisService, 'connect' | 'pid' | 'lostBooks'>;
  /** What outlives Redis: which books can be trusted. */
  readonly settings: Pick<SettingsStore, 'get' | 'set'>;
}

/**
 * The limiter, which opens at once where the books are those of the last time, or were written to the end by an orderly stop. `undo` stops it, before the Redis that it stands on.
 */
export async function openLimiter(
  { redis, settings, ...options }: LimiterParts,
  undo: AsyncDisposableStack,
): Promise<Limiter> {
  // After an orderly stop nothing is to be waited out, unless the books that were written then cannot be read.
  const lastRunId = redis.lostBooks ? 'set aside' : await settings.get(LIMITER_RUN_ID);
  const limiter = new Limiter(redis.connect(), {
    ...options,
    ...(typeof lastRunId === 'string' && { lastRunId }),
    onRunId: (runId) => settings.set(LIMITER_RUN_ID, runId),
  });
  undo.defer(async () => {
    const { isOpen } = limiter;
    await limiter.close();
    if (redis.pid !== undefined && isOpen) await settings.set(LIMITER_RUN_ID, null);
  });
  return limiter;
}
