import { setTimeout as delay } from 'node:timers/promises';
import { CodedError } from '#errors/coded-error.ts';
import type { CageInfo, CageSpec } from '#runtime/runtime.ts';
import { abortError } from '../deadline.ts';
import { fromInspection } from './cage-info.ts';
import type { Engine } from './engine.ts';
import { engineReason, engineStatus, toRuntimeError } from './errors.ts';
import { findCage, inspectByName } from './find.ts';
import { removeContainer, removeUnlessRunning } from './remove.ts';
import { cageOptions } from './spec.ts';
import { attachStdin, deliver } from './stdin.ts';

const POLL_MS = 50;

export interface CreateRequest {
  readonly engine: Engine;
  readonly install: string;
  readonly spec: CageSpec;
  readonly bootstrap: Uint8Array;
  /** How long a container that is there but not started may still be somebody's who is about to start it. */
  readonly leftoverMs: number;
  readonly signal: AbortSignal | undefined;
}

/** See `Runtime.create`. What an abort or a failure leaves half made is removed before it returns. */
export async function createCage(request: CreateRequest): Promise<{ cage: CageInfo; created: boolean }> {
  for (;;) {
    if (request.signal?.aborted) throw abortError(request.signal, 'create');
    const id = await make(request);
    if (id !== undefined) return { cage: await bringUp(request, id), created: true };
    const standing = await whatStands(request);
    if (standing) return { cage: standing, created: false };
  }
}

/**
 * The new container's id; undefined where the name is taken. The caller's signal does not cut this call short: the engine would
 * go on making the container after we had looked for it.
 */
function make({ engine, install, spec }: CreateRequest): Promise<string | undefined> {
  const { name, ...body } = cageOptions(spec, install);
  return engine.act('create', undefined, async (docker, abortSignal) => {
    try {
      const made = await docker.createContainer({ _query: { name }, _body: body, abortSignal } as object);
      return made.id;
    } catch (error) {
      if (engineStatus(error) === 409) return undefined;
      throw notMade(error, spec);
    }
  });
}

function notMade(error: unknown, spec: CageSpec): CodedError {
  const details = { what: 'create', cageId: spec.cageId, image: spec.image };
  // 500 is the engine in trouble, not a refusal of what was asked for: another try may succeed.
  if (engineStatus(error) !== 500) return toRuntimeError(error, details);
  return new CodedError('cage_start_failed', { ...details, reason: engineReason(error) }, { cause: error });
}

async function bringUp(request: CreateRequest, id: string): Promise<CageInfo> {
  try {
    return await start(request, id);
  } catch (error) {
    const failure = toRuntimeError(error, { what: 'create', cageId: request.spec.cageId });
    // Without the engine this fails as well; the cage then ends by itself for want of a bootstrap, and `list` shows it.
    await removeContainer(request.engine, id).catch(() => undefined);
    throw failure;
  }
}

/** Stdin is attached before the start, so that the process cannot find it closed. */
async function start({ engine, spec, bootstrap, signal }: CreateRequest, id: string): Promise<CageInfo> {
  const stdin = await engine.act('attach', signal, (docker, abortSignal) =>
    attachStdin(docker, id, abortSignal),
  );
  // Between here and `deliver` a broken stream has no other listener; `deliver` then fails on it.
  stdin.on('error', () => undefined);
  const line = Buffer.concat([bootstrap, Buffer.from('\n')]);
  try {
    await engine.act('start', signal, async (docker, abortSignal) => {
      try {
        await docker.getContainer(id).start({ abortSignal });
      } catch (error) {
        throw notStarted(error, spec.cageId);
      }
    });
    await engine.act('bootstrap', signal, () => deliver(stdin, line));
  } finally {
    stdin.destroy();
    line.fill(0);
  }
  const inspection = await inspectByName(engine, id, signal);
  if (!inspection)
    throw new CodedError('cage_start_failed', {
      cageId: spec.cageId,
      reason: 'it was removed while it started',
    });
  return fromInspection(inspection);
}

function notStarted(error: unknown, cageId: string): CodedError {
  const failure = toRuntimeError(error, { what: 'start', cageId });
  if (engineStatus(error) === undefined || failure.code === 'runtime_unavailable') return failure;
  return new CodedError('cage_start_failed', { cageId, reason: engineReason(error) }, { cause: error });
}

/**
 * The cage that bears the name already; undefined where the name has become free. A container that stays `created` is what a
 * crash between creation and start left: its stdin never got a bootstrap and none can be trusted to come, so it is removed and the
 * cage made anew. It is given `leftoverMs` first, since another caller may be about to start it; and it is removed only if it
 * still does not run then.
 */
async function whatStands({
  engine,
  install,
  spec,
  leftoverMs,
  signal,
}: CreateRequest): Promise<CageInfo | undefined> {
  const waitUntil = performance.now() + leftoverMs;
  for (;;) {
    const found = await findCage(engine, install, spec.cageId, signal);
    if (!found) return undefined;
    if (!found.own) throw new CodedError('cage_foreign', { cageId: spec.cageId });
    const cage = fromInspection(found.inspection);
    if (cage.state !== 'created') return cage;
    if (performance.now() >= waitUntil && (await removeUnlessRunning(engine, found.inspection.Id, signal)))
      return undefined;
    await delay(POLL_MS, undefined, signal ? { signal } : {}).catch(() => {
      throw abortError(signal, 'create');
    });
  }
}
