import { spawn, type ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { CodedError, isErrorCode, type ErrorBody } from '#errors/coded-error.ts';
import type { ErrorCode } from '#errors/table.ts';
import type { AgentEvent, StartMessage } from '#protocol/link-messages.ts';
import type { CagePaths } from '../paths.ts';
import { AgentLines, type AgentOutcome } from './agent-events.ts';
import { signal as sendSignal } from './processes.ts';

export type AgentResult =
  | { readonly state: 'succeeded'; readonly answer: string }
  | { readonly state: 'failed'; readonly error: ErrorBody };

export interface AgentStart {
  readonly paths: CagePaths;
  readonly environment: Record<string, string>;
  readonly task: Pick<StartMessage, 'input' | 'claw'>;
  readonly onEvent: (event: AgentEvent) => void;
}

const MAX_PLAIN_ANSWER_BYTES = 256 * 1024;

/**
 * The process that does the work, in a process group of its own. It gets the task as JSON on stdin (`{"task":{text,files},"claw":{…}}`), and says what it does on
 * descriptor 3 (see agent-events.ts). A Claw's own command that says no `answer` there and exits with 0 has answered by what it wrote to stdout.
 */
export class AgentProcess {
  readonly pid: number;
  /** Resolves when the process has ended and all that it said was read. */
  readonly result: Promise<AgentResult>;

  private constructor(child: ChildProcess, start: AgentStart) {
    this.pid = child.pid ?? 0;
    const said = new Outcome(start.onEvent);
    (child.stdio[3] as Readable)
      .on('data', (chunk: Buffer) => said.lines.push(chunk))
      .on('error', () => undefined);
    child.stdout?.on('data', (chunk: Buffer) => said.plain(chunk)).on('error', () => undefined);
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(JSON.stringify({ task: start.task.input, claw: start.task.claw }));
    this.result = ended(child, () => this.signalGroup('SIGKILL')).then((end) =>
      said.result(end, start.task.claw.command !== undefined),
    );
  }

  static start(start: AgentStart): AgentProcess {
    const [command, ...args] = start.task.claw.command ?? [start.paths.agentNode, start.paths.agentEntry];
    const cache = start.task.claw.command === undefined ? start.paths.compileCache : undefined;
    const child = spawn(command ?? '', args, {
      cwd: start.paths.work,
      env: cache === undefined ? start.environment : { ...start.environment, NODE_COMPILE_CACHE: cache },
      stdio: ['pipe', 'pipe', 'ignore', 'pipe'],
      detached: true,
    });
    return new AgentProcess(child, start);
  }

  signalGroup(name: NodeJS.Signals): void {
    if (this.pid > 0) sendSignal(-this.pid, name);
  }
}

interface ProcessEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Set where the process never ran. */
  readonly notStarted?: string | undefined;
}

const LAST_WORDS_MS = 300;

/** Resolves when the process has ended and its pipes are read out; children of it that keep them open are waited for only so long. */
function ended(child: ChildProcess, onExit: () => void): Promise<ProcessEnd> {
  return new Promise((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) =>
      resolve({ exitCode: null, signal: null, notStarted: error.code }),
    );
    child.once('close', (exitCode, signal) => resolve({ exitCode, signal }));
    child.once('exit', (exitCode, signal) => {
      onExit();
      setTimeout(() => resolve({ exitCode, signal }), LAST_WORDS_MS);
    });
  });
}

/** Gathers what the agent said into its result. */
class Outcome {
  readonly lines: AgentLines;
  #outcome: AgentOutcome | undefined;
  #plain: Buffer[] = [];
  #plainBytes = 0;

  constructor(onEvent: (event: AgentEvent) => void) {
    this.lines = new AgentLines((line) => {
      if (this.#outcome !== undefined) return;
      if (line.kind === 'answer' || line.kind === 'error') this.#outcome = line;
      else onEvent(line);
    });
  }

  plain(chunk: Buffer): void {
    this.#plainBytes += chunk.length;
    if (this.#plainBytes <= MAX_PLAIN_ANSWER_BYTES) this.#plain.push(chunk);
  }

  result({ exitCode, signal, notStarted }: ProcessEnd, ownCommand: boolean): AgentResult {
    if (notStarted !== undefined)
      return failed('agent_failed', { reason: `The command could not be started (${notStarted}).` });
    if (this.#outcome?.kind === 'answer') return { state: 'succeeded', answer: this.#outcome.text };
    if (this.#outcome?.kind === 'error')
      return failed(agentsCode(this.#outcome.error.code), this.#outcome.error.details);
    if (ownCommand && exitCode === 0 && this.#plainBytes <= MAX_PLAIN_ANSWER_BYTES) {
      return { state: 'succeeded', answer: Buffer.concat(this.#plain).toString('utf8') };
    }
    const dropped = this.lines.dropped > 0 ? { droppedLines: this.lines.dropped } : {};
    return failed('agent_failed', { reason: 'It ended without an answer.', exitCode, signal, ...dropped });
  }
}

/** An agent may name what stopped it, but not speak for the cage, the link or the service. */
function agentsCode(code: string): ErrorCode {
  return isErrorCode(code) && /^(agent|provider|gate|limit|limiter|model|meter)_/.test(code)
    ? code
    : 'agent_failed';
}

function failed(code: ErrorCode, details?: Record<string, unknown>): AgentResult {
  return { state: 'failed', error: new CodedError(code, details).toBody() };
}
