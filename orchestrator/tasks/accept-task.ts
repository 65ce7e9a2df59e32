import type { z } from 'zod';
import { CodedError } from '#errors/coded-error.ts';
import { LIMITS, type taskCreate } from '#protocol/api.ts';
import { FRAME_LIMIT } from '#protocol/frames.ts';
import type { Vault } from '#vault/vault.ts';
import { clawInputOf } from '../launch/claw-input.ts';
import { sealInput, taskInputOf, type TaskInput } from '../launch/input.ts';
import type { ClawRow } from '../store/claws-store.ts';
import type { NewTask } from '../store/new-task.ts';
import { taskImages } from './images/task-images.ts';
import { problemsOfFunctions, type Problem } from './schemas/check-functions.ts';
import { problemOfSchema } from './schemas/check-schema.ts';

export type TaskContent = z.output<typeof taskCreate>;

/** A task that may be put in: what is sealed of it, and what its row says. */
export interface CheckedTask {
  readonly input: TaskInput;
  readonly row: Pick<NewTask, 'timeoutMs' | 'priority' | 'notBefore' | 'deadline' | 'webhook'>;
}

const LONGEST_DELAY_MS = 30 * 24 * 3600_000;
/** What a `start` holds beside input, Claw and the Claw's authorities: capabilities, sealed key, the provider's authority. */
const START_BYTES = 100 * 1024;

/**
 * Checks what the wire schema does not see. Throws `request_invalid` with every field that is wrong, `request_too_large`, `image_invalid`. Pure but for the
 * time that it is told.
 */
export function checkTask(content: TaskContent, claw: ClawRow, now: Date): CheckedTask {
  const times = timesOf(content, now);
  const problems = [...problemsOf(content), ...times.problems];
  if (problems.length > 0) throw new CodedError('request_invalid', { fields: problems });
  const { text, files, answer, functions, functionWaitMs } = content;
  if (Buffer.byteLength(text) > LIMITS.textBytes)
    throw new CodedError('request_too_large', { field: 'text', limitBytes: LIMITS.textBytes });
  const images = taskImages(
    content.images,
    files.map(({ name }) => name),
  );
  const input = { text, files, images, answer, functions, functionWaitMs };
  refuseUnsendable(input, claw);
  return {
    input,
    row: {
      timeoutMs: content.timeoutMs ?? claw.timeoutMs,
      priority: content.priority,
      notBefore: times.notBefore,
      deadline: times.deadline,
      webhook: content.webhook === undefined ? claw.webhook : content.webhook,
    },
  };
}

/**
 * The row of a checked task, its input sealed under a new shredding key of its own: where the row is not inserted after all, the caller shreds the id.
 */
export async function sealTask(
  vault: Vault,
  { id, organisation, claw }: Pick<NewTask, 'id' | 'organisation' | 'claw'>,
  { input, row }: CheckedTask,
): Promise<NewTask> {
  return { id, organisation, claw, sealedInput: await sealInput(vault, organisation, id, input), ...row };
}

function* problemsOf({ files, images, answer, functions }: TaskContent): Generator<Problem> {
  const names = [...files.map(({ name }) => name), ...images.flatMap(({ name }) => name ?? [])];
  if (new Set(names).size < names.length)
    yield {
      field: images.some(({ name }) => name !== undefined) ? 'images' : 'files',
      problem: 'two files of one name',
    };
  if (answer.type === 'json_schema') {
    const problem = problemOfSchema(answer.schema);
    if (problem !== undefined) yield { field: 'answer.schema', problem };
  }
  yield* problemsOfFunctions(functions);
}

interface Times {
  readonly notBefore: Date | null;
  readonly deadline: Date | null;
  readonly problems: readonly Problem[];
}

function timesOf({ notBefore, delayMs, deadline }: TaskContent, now: Date): Times {
  const problems: Problem[] = [];
  const nowMs = now.getTime();
  const begin = notBefore !== undefined ? Date.parse(notBefore) : nowMs + (delayMs ?? 0);
  const end = deadline === undefined ? Infinity : Date.parse(deadline);
  if (notBefore !== undefined && delayMs !== undefined)
    problems.push({ field: 'delayMs', problem: 'given beside notBefore: give one of the two' });
  if (begin - nowMs > LONGEST_DELAY_MS)
    problems.push({ field: 'notBefore', problem: 'more than 30 days from now' });
  if (end <= nowMs) problems.push({ field: 'deadline', problem: 'in the past' });
  else if (end <= begin) problems.push({ field: 'deadline', problem: 'before the task may begin' });
  return {
    notBefore: begin > nowMs ? new Date(begin) : null,
    deadline: end === Infinity ? null : new Date(end),
    problems,
  };
}

/** Text, schemas, functions and instructions go to the cage in one message. */
function refuseUnsendable(input: TaskInput, claw: ClawRow): void {
  const message = { input: taskInputOf(input), claw: clawInputOf(claw), ca: claw.ca };
  const bytes = Buffer.byteLength(JSON.stringify(message)) + START_BYTES;
  if (bytes <= FRAME_LIMIT) return;
  throw new CodedError('request_too_large', {
    field: 'text',
    reason: 'text, answer schema, functions and instructions together: put long text into a file',
    bytes,
    limitBytes: FRAME_LIMIT,
  });
}
