import { setTimeout as pause } from 'node:timers/promises';
import type { FunctionCall, ResultReply, TaskReply, TaskView } from '#protocol/api.ts';
import type { Asked, Told, Watched } from '../books/facts.ts';
import type { Caller } from './caller.ts';
import { sumOf, type KnownTask } from './kinds.ts';
import { watch } from './watcher.ts';

const LOOK_MS = 400;

export interface AskOptions {
  /** When it gives up, by `performance.now()`. */
  readonly untilMs: number;
  /** Has a second one watch its events. */
  readonly watcher?: Caller | undefined;
  readonly onAccepted?: (id: string) => void;
}

/** Asks for a task as its user would, sees to what it needs, and tells how it went. */
export async function askFor(
  caller: Caller,
  task: KnownTask,
  { untilMs, watcher, onAccepted }: AskOptions,
): Promise<Asked> {
  const { name, kind } = task;
  const ids: string[] = [];
  const base = { name, kind, idempotent: task.claw !== 'careful', ids, acceptedMs: undefined };
  const accepted = await submit(caller, task, untilMs);
  if (accepted === undefined) return base;
  ids.push(accepted);
  const acceptedMs = Date.now();
  onAccepted?.(accepted);
  const watching: Promise<Watched | undefined> = watcher
    ? watch(watcher, accepted, untilMs, task.said)
    : Promise.resolve(undefined);
  const cancelling = cancelLater(caller, task, accepted, untilMs);
  const end = await untilEnd(caller, task, accepted, untilMs);
  await cancelling;
  // A careful client that is not sure asks again with its key: it is told the same task.
  const repeated = await submit(caller, task, untilMs);
  if (repeated !== undefined) ids.push(repeated);
  const watched = await watching;
  return { ...base, acceptedMs, ...(end && { end }), ...(watched && { watched }) };
}

async function submit(
  caller: Caller,
  { name, claw, body }: KnownTask,
  untilMs: number,
): Promise<string | undefined> {
  const headers = { 'idempotency-key': name };
  const answer = await caller.ask<TaskReply>('POST', `/api/v1/claws/${claw}/tasks`, untilMs, body, headers);
  if (answer === undefined) return undefined;
  if (answer.status !== 202)
    throw new Error(`${name} was answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body.task.id;
}

async function cancelLater(
  caller: Caller,
  { cancelAfterMs }: KnownTask,
  id: string,
  untilMs: number,
): Promise<void> {
  if (cancelAfterMs === undefined) return;
  await pause(cancelAfterMs);
  await caller.ask('POST', `/api/v1/tasks/${id}/cancel`, untilMs);
}

async function untilEnd(
  caller: Caller,
  task: KnownTask,
  id: string,
  untilMs: number,
): Promise<Told | undefined> {
  while (performance.now() < untilMs) {
    const reply = await caller.ask<TaskReply>('GET', `/api/v1/tasks/${id}`, untilMs);
    const view = reply?.body.task;
    if (view && view.endedAt !== null) return told(caller, task, view, untilMs);
    if (task.kind === 'function') await answerFunctions(caller, id, untilMs);
    await pause(LOOK_MS);
  }
  return undefined;
}

async function answerFunctions(caller: Caller, id: string, untilMs: number): Promise<void> {
  const reply = await caller.ask<{ items?: FunctionCall[] }>('GET', `/api/v1/tasks/${id}/calls`, untilMs);
  for (const call of reply?.body.items ?? []) {
    const output = sumOf(call.arguments);
    await caller.ask('POST', `/api/v1/tasks/${id}/calls/${call.id}`, untilMs, { output });
  }
}

async function told(caller: Caller, task: KnownTask, view: TaskView, untilMs: number): Promise<Told> {
  const { state, epoch, error } = view;
  const askedMs = performance.now();
  const { what, isGone } =
    state === 'succeeded' ? await whatIsWrong(caller, task, view.id, untilMs) : { what: null };
  const goneAfterMs = isGone ? performance.now() - askedMs : undefined;
  return {
    state,
    epoch,
    wrong: what,
    atMs: Date.now(),
    ...(goneAfterMs !== undefined && { goneAfterMs }),
    ...(error && { code: error.code }),
  };
}

const GONE = 410;

async function whatIsWrong(
  caller: Caller,
  task: KnownTask,
  id: string,
  untilMs: number,
): Promise<{ what: string | null; isGone?: boolean }> {
  const reply = await caller.ask<ResultReply>('GET', `/api/v1/tasks/${id}/result`, untilMs);
  if (reply?.status !== 200)
    return {
      what: `its result was answered ${reply?.status ?? 'by nobody'}`,
      isGone: reply?.status === GONE,
    };
  const { answer, files } = reply.body;
  if (answer === null || !task.answer(answer))
    return { what: `answered ${JSON.stringify(answer)?.slice(0, 120)}` };
  if (!task.file) return { what: null };
  if (!files.some(({ path }) => path === task.file!.path)) return { what: `its file is not there` };
  const file = await caller.ask<unknown>('GET', `/api/v1/tasks/${id}/files/${task.file.path}`, untilMs);
  if (file?.body === task.file.content) return { what: null };
  return { what: `its file holds something else (${file?.status})`, isGone: file?.status === GONE };
}
