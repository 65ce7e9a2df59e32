import { join } from 'node:path';
import { resultReply, type OutputFile, type TaskReply } from '#protocol/api.ts';
import type { Client } from '../client.ts';
import { exitCodeOfState, type ExitCode } from '../exit-codes.ts';
import { errorLine, Failure } from '../failure.ts';
import { coloursFor, type Terminal } from '../terminal/terminal.ts';
import { count, seconds, size } from '../terminal/words.ts';
import { saveFiles, type Target } from './output-files.ts';
import type { TaskShown } from './task-view.ts';

interface Result {
  readonly answer: string | null;
  readonly files: readonly OutputFile[];
  readonly note?: Failure;
}

/** The result of a task that succeeded; empty where it did not, or where it is no longer kept (`note` says so). */
export async function fetchResult(client: Client, { task }: TaskReply): Promise<Result> {
  const nothing = { answer: null, files: [] };
  if (task.state !== 'succeeded') return nothing;
  try {
    return await client.get(`/api/v1/tasks/${encodeURIComponent(task.id)}/result`, resultReply);
  } catch (error) {
    if (error instanceof Failure && error.code === 'result_gone') return { ...nothing, note: error };
    throw error;
  }
}

/** The fixed form of `run --json`; `files` only where the task left some. */
export function outcomeJson({ task, usage }: TaskReply, { answer, files }: Result): object {
  const { id, state, error } = task;
  const { requests, inputTokens, outputTokens, totalTokens } = usage;
  return {
    task: { id, state, ...(error && { error }) },
    answer,
    usage: { requests, inputTokens, outputTokens, totalTokens },
    ...(files.length > 0 && { files }),
  };
}

/** Shows how a task that was followed ended, and gives the exit code for it. */
export async function showOutcome(
  terminal: Terminal,
  client: Client,
  reply: TaskReply,
  how: { json: boolean; shown: TaskShown; target?: Target },
): Promise<ExitCode> {
  const result = await fetchResult(client, reply);
  const { answer, note, files } = result;
  if (answer !== null) how.shown.answer(answer);
  how.shown.close();
  if (how.json) {
    terminal.stdout.write(`${JSON.stringify(outcomeJson(reply, result))}\n`);
    if (how.target) await saveFiles(client, reply.task.id, files, how.target);
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
  if (how.target) await saveFiles(client, task.id, files, how.target);
  for (const line of fileLines(task.id, files, how.target)) terminal.stderr.write(`${line}\n`);
  return exitCodeOfState(task.state);
}

function fileLines(task: string, files: readonly OutputFile[], target: Target | undefined): string[] {
  if (target) return files.map(({ path, bytes }) => `wrote ${join(target.folder, path)} (${size(bytes)})`);
  if (files.length === 0) return [];
  const left = files.length === 1 ? 'It left a file' : `It left ${files.length} files`;
  return [`${left}: clawcage tasks files ${task} --out DIR`];
}
