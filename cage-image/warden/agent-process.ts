import { spawn, type ChildProcess } from 'node:child_process';
import type { Duplex, Readable } from 'node:stream';
import type { AgentEvent } from '#protocol/link-messages.ts';
import type { CagePaths } from '../paths.ts';
import { AgentLines, type AgentOutcome, type BusyWith } from './agent-events.ts';
import { AgentWatch, type Hang } from './agent-watch.ts';
import { LogLines } from './log-lines.ts';
import type { AgentsCall, AgentsResult } from './open-functions.ts';
import { signal as sendSignal, stateOf } from './processes.ts';

export interface AgentStart {
  readonly paths: CagePaths;
  /** Program and arguments; absent: the built-in agent. */
  readonly command: readonly string[] | undefined;
  readonly environment: Readonly<Record<string, string>>;
  /** The task as JSON, for its stdin. */
  readonly task: string;
  readonly onEvent: (event: AgentEvent) => void;
  /** A call of one of the caller's functions; `answerCall` gives its result. */
  readonly onCall: (call: AgentsCall) => void;
  readonly pulseMs: number;
}

/** How an agent's process ended, and what it left behind as its answer. */
export interface AgentEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why the process never ran. */
  readonly notStarted?: string | undefined;
  readonly outcome: AgentOutcome | undefined;
  /** Undefined where it wrote more than an answer may have. */
  readonly stdout: Buffer | undefined;
  /** Lines on descriptor 3 that were of no known form, or too long. */
  readonly droppedLines: number;
}

export const MAX_PLAIN_ANSWER_BYTES = 256 * 1024;
const [EVENTS, RESULTS] = [3, 4] as const;

/**
 * The process that does the work, in a process group of its own. It gets the task as JSON on stdin, says what it does on descriptor 3 (see agent-events.ts), and
 * reads the results of the functions that it called from descriptor 4, the built-in agent also pings.
 */
export class AgentProcess {
  readonly pid: number;
  /** Resolves when the process has ended and all that it said was read. */
  readonly ended: Promise<AgentEnd>;
  readonly #results: Duplex;
  readonly #watch: AgentWatch;
  readonly #said: Said;
  #hasEnded = false;

  private constructor(child: ChildProcess, start: AgentStart) {
    this.pid = child.pid ?? 0;
    this.#results = child.stdio[RESULTS] as Duplex;
    this.#watch = new AgentWatch({
      pulseMs: start.pulseMs,
      state: () => stateOf(this.pid),
      // An agent of the Claw's own may take each line there for a result.
      ping: start.command === undefined ? () => this.#tell({ kind: 'ping' }) : undefined,
    });
    const said = new Said(start, (busy) => this.#watch.answered(busy));
    this.#said = said;
    const log = new LogLines((text) => start.onEvent({ kind: 'log', text }));
    listen(child.stdio[EVENTS] as Readable, (chunk) => said.lines.push(chunk));
    listen(child.stdout, (chunk) => said.plain(chunk));
    listen(child.stderr, (chunk) => log.push(chunk));
    this.#results.on('error', () => undefined);
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(start.task);
    this.ended = processEnd(child, () => this.signalGroup('SIGKILL')).then((end) => {
      log.end();
      this.#hasEnded = true;
      this.#results.destroy();
      return { ...end, ...said.whole() };
    });
  }

  static start(start: AgentStart): AgentProcess {
    const { command, paths, environment } = start;
    const [program, ...args] = command ?? [paths.agentNode, paths.agentEntry];
    const cache = command === undefined ? paths.compileCache : undefined;
    const child = spawn(program ?? '', args, {
      cwd: paths.work,
      env: cache === undefined ? environment : { ...environment, NODE_COMPILE_CACHE: cache },
      stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
      detached: true,
    });
    return new AgentProcess(child, start);
  }

  answerCall(result: AgentsResult): void {
    this.#tell(result);
  }

  /** To be called at each pulse: why it counts as hung, where it does. */
  pulse(): Hang | undefined {
    return this.#hasEnded || this.pid === 0 ? undefined : this.#watch.pulse();
  }

  /** Whether it has said its answer, or what stopped it. */
  get hasSaidAll(): boolean {
    return this.#said.hasOutcome;
  }

  #tell(line: object): void {
    if (this.#results.writable) this.#results.write(`${JSON.stringify(line)}\n`);
  }

  signalGroup(name: NodeJS.Signals): void {
    if (this.pid > 0) sendSignal(-this.pid, name);
  }
}

function listen(stream: Readable | null, onData: (chunk: Buffer) => void): void {
  stream?.on('data', onData).on('error', () => undefined);
}

const LAST_WORDS_MS = 300;

/** Resolves when the process has ended and its pipes are read out; children of it that keep them open are waited for only so long. */
function processEnd(
  child: ChildProcess,
  onExit: () => void,
): Promise<Pick<AgentEnd, 'exitCode' | 'signal' | 'notStarted'>> {
  return new Promise((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) =>
      resolve({ exitCode: null, signal: null, notStarted: error.code ?? 'unknown' }),
    );
    child.once('close', (exitCode, signal) => resolve({ exitCode, signal }));
    child.once('exit', (exitCode, signal) => {
      onExit();
      setTimeout(() => resolve({ exitCode, signal }), LAST_WORDS_MS);
    });
  });
}

/** Gathers what the agent said. */
class Said {
  readonly lines: AgentLines;
  #outcome: AgentOutcome | undefined;
  #plain: Buffer[] = [];
  #plainBytes = 0;

  constructor(
    { onEvent, onCall }: Pick<AgentStart, 'onEvent' | 'onCall'>,
    onPong: (busy: readonly BusyWith[]) => void,
  ) {
    this.lines = new AgentLines((line) => {
      if (line.kind === 'pong') return onPong(line.busy);
      if (this.#outcome !== undefined) return;
      if (line.kind === 'answer' || line.kind === 'error') this.#outcome = line;
      else if (line.kind === 'function_call') onCall(line);
      else onEvent(line);
    });
  }

  plain(chunk: Buffer): void {
    this.#plainBytes += chunk.length;
    if (this.#plainBytes <= MAX_PLAIN_ANSWER_BYTES) this.#plain.push(chunk);
    else this.#plain = [];
  }

  get hasOutcome(): boolean {
    return this.#outcome !== undefined;
  }

  whole(): Pick<AgentEnd, 'outcome' | 'stdout' | 'droppedLines'> {
    const stdout = this.#plainBytes <= MAX_PLAIN_ANSWER_BYTES ? Buffer.concat(this.#plain) : undefined;
    return { outcome: this.#outcome, stdout, droppedLines: this.lines.dropped };
  }
}
