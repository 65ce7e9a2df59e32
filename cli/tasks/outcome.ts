import { resultReply, type TaskReply } from '#protocol/api.ts';
import type { Client } from '../client.ts';
import { exitCodeOfState, type ExitCode } from '../exit-codes.ts';
import { errorLine, Failure } from '../failure.ts';
import { coloursFor, type Terminal } from '../terminal/terminal.ts';
import { count, seconds } from '../terminal/words.ts';
import type { TaskShown } from './task-view.ts';

/** The answer of a task that succeeded; null where it did not, or where the answer is no longer kept (`note` says so). */
export async function fetchAnswer(
  client: Client,
  { task }: TaskReply,
): Promise<{ answer: string | null; note?: Failure }> {
  if (task.state !== 'succeeded') return { answer: null };
  try {
    const { answer } = await client.get(`/api/v1/tasks/${encodeURIComponent(task.id)}/result`, resultReply);
    return { answer };
  } catch (error) {
    if (error instanceof Failure && error.code === 'result_gone') return { answer: null, note: error };
    throw error;
  }
}

/** The fixed form of `run --json`. */
export function outcomeJson({ task, usage }: TaskReply, answer: string | null): object {
  const { id, state, error } = task;
  const { requests, inputTokens, outputTokens, totalTokens } = usage;
  return {
    task: { id, state, ...(error && { error }) },
    answer,
    usage: { requests, inputTokens, outputTokens, totalTokens },
  };
}

/** Shows how a task that was followed ended, and gives the exit code for it. */
export async function showOutcome(
  terminal: Terminal,
  client: Client,
  reply: TaskReply,
  how: { json: boolean; shown: TaskShown },
): Promise<ExitCode> {
  const { answer, note } = await fetchAnswer(client, reply);
  if (answer !== null) how.shown.answer(answer);
  how.shown.close();
  if (how.json) {
    terminal.stdout.write(`${JSON.stringify(outcomeJson(reply, answer))}\n`);
    return exitCodeOfState(reply.task.state);
  }
  const colours = coloursFor(terminal.stderr, terminal.env);
  const { task, usage } = reply;
  if (note) terminal.stderr.write(`${errorLine(note, colours)}\n`);
  if (task.error) terminal.stderr.write(`${errorLine(task.error, colours)}\n`);
  const took =
    task.endedAt === null ? '' : ` in ${seconds(Date.parse(task.endedAt) - Date.parse(task.createdAt))}`;
  const tokens = `${count(usage.totalTokens)} tokens (${count(usage.inputTokens)} in, ${count(usage.outputTokens)} out)`;
  terminal.stderr.write(
    colours.dim(`${task.id} ${task.state}${took} · ${tokens}, ${count(usage.requests)} requests`) + '\n',
  );
  return exitCodeOfState(task.state);
}
