import { CodedError, isErrorCode, type ErrorBody } from '#errors/coded-error.ts';
import type { ErrorCode } from '#errors/table.ts';
import { MAX_PLAIN_ANSWER_BYTES, type AgentEnd } from './agent-process.ts';
import { FILE, openBelow } from './open-below.ts';

export const ANSWER_FILE = 'answer.json';

export type AgentAnswer =
  | { readonly state: 'succeeded'; readonly answer: string; readonly fromFile: boolean }
  | { readonly state: 'failed'; readonly error: ErrorBody };

/**
 * What an ended agent has answered: an `answer` or `error` that it said on descriptor 3. A Claw's own command that said neither and exited with 0 has answered by
 * `answer.json` in `out`, or else by what it wrote to stdout.
 */
export async function agentAnswer(end: AgentEnd, ownCommand: boolean, out: string): Promise<AgentAnswer> {
  const { exitCode, signal, notStarted, outcome } = end;
  if (notStarted !== undefined)
    return failed('agent_failed', { reason: `The command could not be started (${notStarted}).` });
  if (outcome?.kind === 'answer') return succeeded(outcome.text);
  if (outcome?.kind === 'error') return failed(agentsCode(outcome.error.code), outcome.error.details);
  const dropped = end.droppedLines > 0 ? { droppedLines: end.droppedLines } : {};
  if (!ownCommand || exitCode !== 0)
    return failed('agent_failed', { reason: 'It ended without an answer.', exitCode, signal, ...dropped });
  const written = await answerFile(out);
  if (written !== undefined) return written;
  return end.stdout === undefined ? tooLong('on stdout') : succeeded(end.stdout.toString('utf8'));
}

/** Undefined where there is none; what is no regular file is none. */
async function answerFile(out: string): Promise<AgentAnswer | undefined> {
  const file = await openBelow(out, [ANSWER_FILE], FILE).catch(() => undefined);
  if (file === undefined) return undefined;
  await using _closed = file;
  const status = await file.stat();
  if (!status.isFile()) return undefined;
  if (status.size > MAX_PLAIN_ANSWER_BYTES) return tooLong(`in ${ANSWER_FILE}`);
  return { state: 'succeeded', answer: await file.readFile('utf8'), fromFile: true };
}

const succeeded = (answer: string): AgentAnswer => ({ state: 'succeeded', answer, fromFile: false });

const tooLong = (where: string): AgentAnswer =>
  failed('agent_failed', { reason: `The answer ${where} is longer than ${MAX_PLAIN_ANSWER_BYTES} bytes.` });

/** An agent may name what stopped it, but not speak for the cage, the link or the service. */
function agentsCode(code: string): ErrorCode {
  const mayNameIt =
    /^(agent|provider|gate|limit|limiter|model|meter)_/.test(code) && !code.endsWith('_unresponsive');
  return isErrorCode(code) && mayNameIt ? code : 'agent_failed';
}

function failed(code: ErrorCode, details?: Record<string, unknown>): AgentAnswer {
  return { state: 'failed', error: new CodedError(code, details).toBody() };
}
