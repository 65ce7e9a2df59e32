import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { isErrorCode } from '#errors/coded-error.ts';
import { ERRORS } from '#errors/table.ts';
import { Failure, failure } from '../failure.ts';

/** Runs a program of ours that takes one JSON on stdin and answers with one on stdout: `{"done":…}` or `{"error":…}`. Fails with its coded error. */
export async function runProgram(entry: string, order: object, env: NodeJS.ProcessEnv): Promise<unknown> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', entry], {
    env,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(JSON.stringify(order));
  const [said, complained] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const answer = parsed(said.trim().split('\n').at(-1) ?? '');
  if (answer?.error !== undefined) throw refused(answer.error);
  if (answer === undefined || !('done' in answer))
    throw failure('internal', { reason: complained.trim().split('\n').at(-1) ?? 'it said nothing' });
  return answer.done;
}

interface Answer {
  readonly done?: unknown;
  readonly error?: { readonly code: string; readonly details?: Record<string, unknown> };
}

function parsed(line: string): Answer | undefined {
  try {
    return JSON.parse(line) as Answer;
  } catch {
    return undefined;
  }
}

function refused({ code, details }: NonNullable<Answer['error']>): Failure {
  if (!isErrorCode(code)) return failure('internal', { received: code });
  const { message, status } = ERRORS[code];
  return new Failure({ code, message, details, status });
}
