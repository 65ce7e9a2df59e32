import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { ClawInputMessage, TaskInputMessage } from '#protocol/link-messages.ts';
import { bundle } from '../../ops/images/bundle.ts';

/** One line that an agent wrote on its descriptor 3. */
export type AgentLine = { readonly kind: string } & Record<string, unknown>;

export interface AgentRun {
  readonly lines: readonly AgentLine[];
  readonly answer: string | undefined;
  readonly error: { readonly code: string; readonly details?: Record<string, unknown> } | undefined;
  readonly stderr: string;
  of(kind: string): AgentLine[];
}

export interface AgentTaskOptions {
  readonly task?: Partial<TaskInputMessage>;
  readonly claw?: Partial<ClawInputMessage>;
  readonly deadlineMs?: number;
  readonly environment?: Record<string, string>;
  /** In /work/in. */
  readonly files?: Record<string, Buffer>;
  /** Answers a call of a function; what it gives is a line for descriptor 4. */
  readonly onFunction?: (call: {
    readonly id: string;
    readonly name: string;
    readonly arguments: string;
  }) => Promise<{ readonly ok: boolean; readonly output: string } | undefined>;
  readonly onLine?: (line: AgentLine) => void;
}

/** The built-in agent, bundled as the image has it, run as a process of its own without a cage. */
export class AgentBench implements AsyncDisposable {
  readonly #folder: string;
  readonly #provider: { readonly url: string; readonly key: string };
  #runs = 0;

  private constructor(folder: string, provider: { readonly url: string; readonly key: string }) {
    this.#folder = folder;
    this.#provider = provider;
  }

  static async prepare(provider: { readonly url: string; readonly key: string }): Promise<AgentBench> {
    const folder = mkdtempSync(join(tmpdir(), 'clawcage-agent-'));
    await bundle('agent', join(folder, 'bundle'));
    return new AgentBench(folder, provider);
  }

  get entry(): string {
    return join(this.#folder, 'bundle', 'agent.mjs');
  }

  /** The folder that the next run works in. */
  get nextWork(): string {
    return join(this.#folder, `work-${this.#runs}`);
  }

  async run(text: string, options: AgentTaskOptions = {}): Promise<AgentRun> {
    const work = this.nextWork;
    this.#runs += 1;
    mkdirSync(join(work, 'in'), { recursive: true });
    for (const [name, data] of Object.entries(options.files ?? {}))
      writeFileSync(join(work, 'in', name), data);
    const child = spawn(process.execPath, [this.entry], {
      cwd: work,
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: work,
        OPENAI_BASE_URL: this.#provider.url,
        OPENAI_API_KEY: this.#provider.key,
        NO_PROXY: '127.0.0.1,localhost',
        NODE_USE_ENV_PROXY: '1',
        ...options.environment,
      },
      stdio: ['pipe', 'ignore', 'pipe', 'pipe', 'pipe'],
    });
    const lines: AgentLine[] = [];
    const answers = child.stdio[4] as Writable;
    answers.on('error', () => undefined);
    createInterface({ input: child.stdio[3] as Readable }).on('line', (line) => {
      const said = JSON.parse(line) as AgentLine;
      lines.push(said);
      options.onLine?.(said);
      if (said.kind !== 'function_call') return;
      const call = said as unknown as { id: string; name: string; arguments: string };
      void options.onFunction?.(call).then((result) => {
        if (result !== undefined)
          answers.write(`${JSON.stringify({ kind: 'function_result', id: call.id, ...result })}\n`);
      });
    });
    let stderr = '';
    child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
    child.stdin?.end(JSON.stringify(this.#input(text, options)));
    await new Promise((resolve) => child.once('close', resolve));
    const of = (kind: string): AgentLine[] => lines.filter((line) => line.kind === kind);
    const end = lines.at(-1);
    return {
      lines,
      stderr,
      of,
      answer: end?.kind === 'answer' ? String(end['text']) : undefined,
      error: end?.kind === 'error' ? (end['error'] as AgentRun['error']) : undefined,
    };
  }

  #input(text: string, options: AgentTaskOptions) {
    return {
      task: {
        text,
        files: Object.keys(options.files ?? {}).filter(
          (name) => !options.task?.images?.some((image) => image.name === name),
        ),
        images: [],
        answer: { type: 'text' },
        functions: [],
        functionWaitMs: 60_000,
        ...options.task,
      },
      claw: {
        name: 'test',
        model: 'gpt-4o-mini',
        instructions: '',
        maxSteps: 20,
        api: 'chat',
        models: {},
        tools: ['shell', 'files', 'fetch'],
        mcp: {},
        egress: [],
        ...options.claw,
      },
      ...(options.deadlineMs !== undefined && { deadlineMs: options.deadlineMs }),
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.#folder, { recursive: true, force: true });
    return Promise.resolve();
  }
}
