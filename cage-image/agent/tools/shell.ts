import { spawn, type ChildProcess } from 'node:child_process';
import * as z from 'zod/mini';
import type { Tool, ToolContext } from './tool.ts';

const DEFAULT_SECONDS = 120;
const MAX_SECONDS = 600;
/** What a command leaves of the task's time, so that there is an answer even where it does not end. */
const TIME_TO_CONCLUDE_MS = 15_000;
const MIN_MS = 1_000;
const MAX_KEPT_BYTES = 4 * 1024 * 1024;

interface ShellArguments {
  readonly command: string;
  readonly timeout_seconds?: number | null | undefined;
}

export const shell: Tool<ShellArguments> = {
  name: 'shell',
  describe: ({ egress }) =>
    `Runs a command with /bin/sh -c in /work and returns its output, and how it ended where that was not exit code 0. ${egress.length === 0 ? 'There is no network.' : 'HTTP goes through the proxy of the environment.'} Ends after timeout_seconds (${DEFAULT_SECONDS} where absent).`,
  parameters: {
    type: 'object',
    properties: {
      command: { type: 'string', description: 'The command line.' },
      timeout_seconds: { type: 'integer', minimum: 1, maximum: MAX_SECONDS },
    },
    required: ['command'],
    additionalProperties: false,
  },
  arguments: z.object({
    command: z.string(),
    timeout_seconds: z.nullish(z.number().check(z.minimum(1), z.maximum(MAX_SECONDS))),
  }),
  touches: () => ({ kind: 'command' }),
  limitMs,
  run: async (args, context) => {
    const { output, end } = await execute(args.command, limitMs(args, context), context);
    if (end === 'exit code 0') return output || '[no output]';
    return `${output}${output === '' || output.endsWith('\n') ? '' : '\n'}[${end}]`;
  },
};

function limitMs({ timeout_seconds }: ShellArguments, { remainingMs }: ToolContext): number {
  const left = Math.max(remainingMs() - TIME_TO_CONCLUDE_MS, MIN_MS);
  return Math.min((timeout_seconds ?? DEFAULT_SECONDS) * 1000, left);
}

function execute(
  command: string,
  timeoutMs: number,
  context: ToolContext,
): Promise<{ output: string; end: string }> {
  return new Promise((resolve, reject) => {
    // A group of its own, so that the time limit ends what the command started too.
    const child = spawn('/bin/sh', ['-c', command], {
      cwd: context.work,
      env: context.environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const output = new KeptOutput();
    let timedOut = false;
    const late = setTimeout(() => {
      timedOut = true;
      killGroup(child);
    }, timeoutMs);
    const end = (code: number | null, signal: string | null): void => {
      clearTimeout(late);
      killGroup(child);
      const how = timedOut
        ? `timed out after ${Math.round(timeoutMs / 1000)} s`
        : signal === null
          ? `exit code ${code}`
          : `ended by ${signal}`;
      resolve({ output: output.text(), end: how });
    };
    child.stdout.on('data', (chunk: Buffer) => output.add(chunk));
    child.stderr.on('data', (chunk: Buffer) => output.add(chunk));
    child.once('error', (error) => (clearTimeout(late), reject(error)));
    // `close` waits for every process that holds the pipes; something left running in the background does not hold up the answer.
    child.once('exit', (code, signal) => {
      const waited = setTimeout(end, 200, code, signal);
      child.once('close', () => (clearTimeout(waited), end(code, signal)));
    });
  });
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The group is empty already.
  }
}

/** Beginning and end of what a command writes; a command that writes without end costs no memory. */
class KeptOutput {
  #head: Buffer[] = [];
  #headBytes = 0;
  #tail: Buffer[] = [];
  #tailBytes = 0;
  #lost = 0;

  add(chunk: Buffer): void {
    if (this.#headBytes < MAX_KEPT_BYTES / 2) {
      this.#head.push(chunk);
      this.#headBytes += chunk.length;
      return;
    }
    this.#tail.push(chunk);
    this.#tailBytes += chunk.length;
    while (this.#tailBytes > MAX_KEPT_BYTES / 2 && this.#tail.length > 1) {
      const dropped = this.#tail.shift() as Buffer;
      this.#tailBytes -= dropped.length;
      this.#lost += dropped.length;
    }
  }

  text(): string {
    const gap = this.#lost > 0 ? [Buffer.from(`\n[… ${this.#lost} bytes left out …]\n`)] : [];
    return Buffer.concat([...this.#head, ...gap, ...this.#tail]).toString('utf8');
  }
}
