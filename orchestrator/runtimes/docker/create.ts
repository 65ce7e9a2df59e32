import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { CodedError } from '#errors/coded-error.ts';
import type { CageInfo, CageSpec } from '#runtime/runtime.ts';
import { abortError } from '../deadline.ts';
import { fromInspection } from './cage-info.ts';
import type { Engine } from './engine.ts';
import { engineReason, engineStatus, mayHaveHappened, saysFull, toRuntimeError } from './errors.ts';
import { findCage, inspectByName } from './find.ts';
import { removeContainer, removeUnlessRunning } from './remove.ts';
import { cageOptions, LABEL_CALL } from './spec.ts';
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

/** How often a creation is asked for anew where its answer was lost and no container is there. */
const MAKE_TRIES = 3;

/** See `Runtime.create`. What an abort or a failure leaves half made is removed before it returns. */
export async function createCage(request: CreateRequest): Promise<{ cage: CageInfo; created: boolean }> {
  const call = randomUUID();
  for (let tried = 1; ;) {
    if (request.signal?.aborted) throw abortError(request.signal, 'create');
    const made = await make(request, call);
    if (made instanceof CodedError) {
      // One that the engine still makes bears this call's label, by which the next try knows it.
      if (tried++ === MAKE_TRIES) throw made;
      continue;
    }
    if (made !== undefined) return { cage: await bringUp(request, made), created: true };
    const standing = await whatStands(request);
    if (standing) return { cage: standing, created: false };
    // The name is taken by what is still being made, or removed.
    await delay(POLL_MS);
  }
}

/**
 * The new container's id, also where its answer was lost and it is found by name; undefined where the name is another's; the error where none is there and one may still come. The
 * caller's signal does not cut this call short: the engine would go on making the container after we had looked for it.
 */
async function make(
  { engine, install, spec }: CreateRequest,
  call: string,
): Promise<string | CodedError | undefined> {
  const { name, ...body } = cageOptions(spec, install);
  const labelled = { ...body, Labels: { ...body.Labels, [LABEL_CALL]: call } };
  const ours = async (): Promise<string | undefined> => {
    const found = await findCage(engine, install, spec.cageId);
    const { Config, State, Id } = found?.inspection ?? {};
    return Config?.Labels[LABEL_CALL] === call && State?.Status === 'created' ? Id : undefined;
  };
  try {
    return await engine.act('create', undefined, async (docker, abortSignal) => {
      const made = await docker.createContainer({ _query: { name }, _body: labelled, abortSignal } as object);
      if (typeof made.id !== 'string') throw new CodedError('runtime_answer_invalid', { what: 'create' });
      return made.id;
    });
  } catch (error) {
    const status = engineStatus((error as CodedError).cause);
    // A name that is taken may be taken by this very call, whose first answer was lost.
    if (status === 409) return ours();
    const failure = status === undefined ? (error as CodedError) : notMade((error as CodedError).cause, spec);
    if (mayHaveHappened(failure)) return (await ours()) ?? failure;
    throw failure;
  }
}

function notMade(error: unknown, spec: CageSpec): CodedError {
  const details = { what: 'create', cageId: spec.cageId, image: spec.image };
  // 500 is the engine in trouble, not a refusal of what was asked for: another try may succeed.
  if (engineStatus(error) !== 500 || saysFull(error)) return toRuntimeError(error, details);
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
    await startSurely(engine, id, spec.cageId, signal);
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

/** Where the answer is lost the container is looked at: one that runs was started, one that does not is started again, once. */
async function startSurely(
  engine: Engine,
  id: string,
  cageId: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await startOnce(engine, id, cageId, signal);
  } catch (error) {
    if (!mayHaveHappened(error) || signal?.aborted) throw error;
    const status = (await inspectByName(engine, id, signal))?.State.Status;
    if (status === 'running') return;
    if (status !== 'created') throw error;
    await startOnce(engine, id, cageId, signal);
  }
}

function startOnce(
  engine: Engine,
  id: string,
  cageId: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  return engine.act('start', signal, async (docker, abortSignal) => {
    try {
      await docker.getContainer(id).start({ abortSignal });
    } catch (error) {
      // 304: it runs already.
      if (engineStatus(error) !== 304) throw notStarted(error, cageId);
    }
  });
}

/** 400 is the engine's word for what can never start (no such program in the image); every other answer may be another the next time. */
function notStarted(error: unknown, cageId: string): CodedError {
  const failure = toRuntimeError(error, { what: 'start', cageId });
  const status = engineStatus(error);
  const told = status === undefined || status === 400 || status === 502 || status === 504;
  if (told || failure.code === 'runtime_unavailable' || failure.code === 'runtime_full') return failure;
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
