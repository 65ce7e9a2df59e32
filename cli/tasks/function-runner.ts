import { spawn } from 'node:child_process';
import { setTimeout as wait } from 'node:timers/promises';
import { functionCall, LIMITS, type FunctionCall, type FunctionResult } from '#protocol/api.ts';
import { z } from 'zod';
import type { Client } from '../client.ts';
import { Failure, failure } from '../failure.ts';

/** What to run for which function: `NAME=COMMAND`. */
export function readHandlers(
  given: readonly string[],
  known: readonly string[],
): ReadonlyMap<string, string> {
  return new Map(
    given.map((handler): [string, string] => {
      const at = handler.indexOf('=');
      const name = handler.slice(0, at);
      if (at < 1 || at === handler.length - 1)
        throw failure('usage_invalid', { '--on-function': 'NAME=COMMAND, such as weather=./weather.sh' });
      if (!known.includes(name))
        throw failure('usage_invalid', {
          '--on-function': `${name} is none of the functions of --functions (${known.join(', ') || 'there are none'})`,
        });
      return [name, handler.slice(at + 1)];
    }),
  );
}

interface Parts {
  readonly client: Client;
  readonly task: string;
  readonly handlers: ReadonlyMap<string, string>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A line for the person who watches. */
  readonly say: (line: string) => void;
}

const MOST_CHARACTERS = LIMITS.textBytes / 2;
const TRIES = 5;
/** The service, or the orchestrator that has the task, is away for a moment. */
const AGAIN: ReadonlySet<string> = new Set(['server_unreachable', 'peer_silent', 'link_closed']);
const LONGEST_WAIT_MS = 24 * 3600_000;

/** Answers the calls of a task's functions by running a command for each, once for a call however often it is heard of. */
export class FunctionRunner {
  readonly #parts: Parts;
  readonly #begun = new Set<string>();
  readonly #running = new Set<Promise<void>>();
  readonly #ended = new AbortController();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** A call was heard of. */
  take(call: FunctionCall): void {
    if (this.#begun.has(call.id)) return;
    this.#begun.add(call.id);
    const command = this.#parts.handlers.get(call.name);
    if (command === undefined) {
      this.#parts.say(
        `${call.name} waits for its result: clawcage tasks answer ${call.task} ${call.id} TEXT`,
      );
      return;
    }
    const work = this.#answer(call, command)
      .catch((error: unknown) => this.#parts.say(`${call.name} could not be run: ${(error as Error).name}`))
      .finally(() => this.#running.delete(work));
    this.#running.add(work);
  }

  /** Some events were missed: the calls that wait are asked for. */
  async lookAgain(): Promise<void> {
    const { client, task } = this.#parts;
    const waiting = await client.all(callsPath(task), functionCall).catch(() => []);
    for (const call of waiting) this.take(call);
  }

  /** Ends the commands that still run. */
  async close(): Promise<void> {
    this.#ended.abort();
    await Promise.allSettled(this.#running);
  }

  async #answer(call: FunctionCall, command: string): Promise<void> {
    const { env, say, client } = this.#parts;
    // By the service's clock alone: this machine's may be another.
    const leftMs = Math.min(
      Math.max(1, Date.parse(call.deadline) - Date.parse(call.askedAt)),
      LONGEST_WAIT_MS,
    );
    const limit = AbortSignal.any([this.#ended.signal, AbortSignal.timeout(leftMs)]);
    const result = await runCommand(command, { call, env, signal: limit });
    if (this.#ended.signal.aborted) return;
    if (!result.ok) say(`${call.name} failed: ${result.output.split('\n')[0] ?? ''}`);
    try {
      await sendResult(client, call, result);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      say(`the result of ${call.name} was not taken: ${error.code}`);
    }
  }
}

export const callsPath = (task: string): string => `/api/v1/tasks/${encodeURIComponent(task)}/calls`;

/** Sends a result; through a service that is away for a moment, and no second time where the first was taken. */
export async function sendResult(
  client: Client,
  call: Pick<FunctionCall, 'id' | 'task'>,
  result: FunctionResult,
): Promise<void> {
  for (let round = 1; ; round++) {
    try {
      await client.post(`${callsPath(call.task)}/${encodeURIComponent(call.id)}`, z.unknown(), {
        body: result,
      });
      return;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (error.code === 'function_call_answered' && round > 1) return;
      if (!AGAIN.has(error.code) || round === TRIES) throw error;
      await wait(200 * 2 ** round);
    }
  }
}

interface Run {
  readonly call: FunctionCall;
  readonly env: Parts['env'];
  readonly signal: AbortSignal;
}

/** The arguments on its standard input; what it prints is the result, and another exit code than 0 says that the call failed. */
async function runCommand(command: string, { call, env, signal }: Run): Promise<FunctionResult> {
  const child = spawn('/bin/sh', ['-c', command], {
    env: { ...env, CLAWCAGE_TASK: call.task, CLAWCAGE_FUNCTION: call.name },
    stdio: ['pipe', 'pipe', 'pipe'],
    signal,
    killSignal: 'SIGTERM',
  });
  const written = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      if (written[stream].length <= MOST_CHARACTERS) written[stream] += text;
    });
  // A command that does not read its input closes it.
  child.stdin.on('error', () => {});
  child.stdin.end(call.arguments);
  const code = await new Promise<number | null>((resolve) => {
    child.on('error', () => resolve(null));
    child.on('close', resolve);
  });
  if (code === 0 && written.stdout.length <= MOST_CHARACTERS)
    return { ok: true, output: written.stdout.replace(/\n$/, '') };
  const reason =
    code === 0
      ? 'it printed more than a result may hold'
      : code === null
        ? 'it could not be run to its end'
        : `it ended with ${code}`;
  return {
    ok: false,
    output: `${reason}${written.stderr.trim() === '' ? '' : `: ${written.stderr.trim().slice(-2000)}`}`,
  };
}
