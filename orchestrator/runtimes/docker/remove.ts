import { setTimeout as delay } from 'node:timers/promises';
import { CodedError } from '#errors/coded-error.ts';
import { withDeadline } from '../deadline.ts';
import type { Engine } from './engine.ts';
import { engineStatus, mayHaveHappened, toRuntimeError } from './errors.ts';
import { inspectByName, isNoSuchContainer } from './find.ts';

const REMOVAL_MS = 60_000;
const POLL_MS = 50;

/**
 * Kills and removes the container `id` with its anonymous volumes, and returns when the engine no longer knows it. A removal that another has begun is waited for; one whose answer
 * was lost is looked up; one that the engine fails in the middle (a busy mount) is tried again until `ms` are over. Errors: `runtime_busy`, `runtime_failed`, those of an engine that does not answer.
 */
export async function removeContainer(
  engine: Engine,
  id: string,
  signal?: AbortSignal,
  ms = REMOVAL_MS,
): Promise<void> {
  let refusal: unknown;
  try {
    await withDeadline('remove', ms, signal, async (limit) => {
      for (;;) {
        refusal = await tryRemove(engine, id, true, limit).catch(lostIsARefusal);
        if (!(await inspectByName(engine, id, limit))) return;
        await delay(POLL_MS, undefined, { signal: limit });
      }
    });
  } catch (error) {
    if (refusal === undefined || !(error instanceof CodedError) || error.code !== 'runtime_timeout')
      throw error;
    throw toRuntimeError(refusal, { what: 'remove' });
  }
}

/** Removes a container that does not run; false where it does, and is left alone. */
export async function removeUnlessRunning(
  engine: Engine,
  id: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const refusal = await tryRemove(engine, id, false, signal);
  return refusal === undefined;
}

/** The engine's refusal (409: is being removed, or runs; 500: failed on the way), or undefined where it is gone. */
async function tryRemove(
  engine: Engine,
  id: string,
  force: boolean,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  return engine.act('remove', signal, async (docker, abortSignal) => {
    try {
      await docker.getContainer(id).remove({ force, v: true, abortSignal } as object);
      return undefined;
    } catch (error) {
      if (isNoSuchContainer(error)) return undefined;
      const status = engineStatus(error);
      if (status === 409 || status === 500) return error;
      throw error;
    }
  });
}

/** What leaves it open whether it was removed is an answer like a refusal: the container is looked up next. */
function lostIsARefusal(error: unknown): unknown {
  if (mayHaveHappened(error)) return error;
  throw error;
}
