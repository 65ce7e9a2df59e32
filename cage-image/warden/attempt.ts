import { join } from 'node:path';
import { CodedError, toCodedError, type ErrorBody } from '#errors/coded-error.ts';
import type { GateAddress } from '#protocol/bootstrap.ts';
import type { Urgency } from '#protocol/link-outbox.ts';
import type { AgentEvent, FromCage, StartMessage, ToCage } from '#protocol/link-messages.ts';
import type { FromMeter } from '../meter/messages.ts';
import type { CagePaths } from '../paths.ts';
import { agentAnswer, ANSWER_FILE, type AgentAnswer } from './agent-answer.ts';
import { agentEnvironment } from './agent-environment.ts';
import { AgentProcess } from './agent-process.ts';
import { checkAnswer } from './answer-form.ts';
import type { EgressProxy } from './egress/egress-proxy.ts';
import { FunctionDesk } from './function-desk.ts';
import type { InputFiles } from './input-files.ts';
import type { CageLink } from './link/serve-link.ts';
import { OpenCalls } from './open-calls.ts';
import { sendOutputFiles } from './output-files.ts';
import { scanOutput } from './output-scan.ts';
import { killAllBut } from './processes.ts';
import type { ProvenMeter } from './proven-meter.ts';
import { writeRunFiles } from './run-files.ts';

export interface AttemptParts {
  readonly start: StartMessage;
  readonly paths: CagePaths;
  /** See `inCage`. */
  readonly ownsProcesses: boolean;
  readonly gate: GateAddress;
  readonly meter: ProvenMeter;
  readonly proxy: EgressProxy;
  readonly files: InputFiles;
  readonly link: Pick<CageLink, 'send' | 'acknowledged'>;
  readonly pulseMs: number;
}

/** Why a task ends before its agent says so. */
export interface StopReason {
  readonly state: 'failed' | 'cancelled' | 'timed_out';
  readonly error: ErrorBody;
}
type Verdict = StopReason | { readonly state: 'succeeded'; readonly answer: string };
type TaskMessage = Extract<
  FromMeter,
  { type: 'opened' | 'not_opened' | 'permit_request' | 'permit_abandoned' | 'sent' | 'settle' }
>;

/** How long calls that still run may take to be settled: after an agent that ended by itself, and after one that was stopped. */
const SETTLE_MS = { ended: 5_000, stopped: 500 } as const;
const TIMED_OUT_GRACE_MS = 1_000;
/** The longest that a timer of Node can run; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * One attempt of a task, from `start` to its result: key opened ──▶ agent ──▶ its processes killed ──▶ calls settled, meter killed ──▶ answer checked ──▶ files out
 * ──▶ result. It can be stopped at any point before the last.
 */
export class Attempt {
  readonly job: { readonly taskId: string; readonly epoch: number };
  readonly #parts: AttemptParts;
  readonly #calls: OpenCalls;
  readonly #functions: FunctionDesk;
  readonly #opened = Promise.withResolvers<void>();
  readonly #stopping = new AbortController();
  #agent: AgentProcess | undefined;
  /** The first reason counts. */
  #stopped: StopReason | undefined;
  #graceTimer: NodeJS.Timeout | undefined;
  #meterDone = false;
  #concluding = false;
  #over = false;
  #abandoned = false;

  constructor(parts: AttemptParts) {
    const { taskId, epoch } = parts.start;
    this.job = { taskId, epoch };
    this.#parts = parts;
    this.#calls = new OpenCalls(this.job);
    this.#functions = new FunctionDesk(parts.start, {
      send: (message) => this.#say(message),
      answer: (result) => this.#agent?.answerCall(result),
    });
    this.#opened.promise.catch(() => undefined);
  }

  /** Resolves when the result is on its way. */
  async run(): Promise<void> {
    const { deadlineMs } = this.#parts.start;
    const deadline = setTimeout(() => this.#timeOut(), Math.min(deadlineMs, LONGEST_TIMER_MS));
    const answer = await this.#work().catch(failure);
    const verdict = await this.#conclude(answer).catch(failure);
    clearTimeout(deadline);
    clearTimeout(this.#graceTimer);
    this.#over = true;
    this.#sayResult(this.#stopped ?? verdict);
  }

  get stoppedBy(): StopReason | undefined {
    return this.#stopped;
  }

  /** Ends the task: SIGTERM to the agent, after `graceMs` SIGKILL. Nothing happens where it is stopped already, or its result is on its way. */
  stop(reason: StopReason, graceMs: number): void {
    if (this.#stopped !== undefined || this.#over) return;
    this.#stopped = reason;
    this.#stopping.abort(new CodedError('task_cancelled'));
    this.#opened.reject(new CodedError('task_cancelled'));
    this.#agent?.signalGroup('SIGTERM');
    this.#graceTimer = setTimeout(() => this.#killAgents(), graceMs);
  }

  heardMeter(message: TaskMessage, connection: number): void {
    if (message.type === 'opened') this.#opened.resolve();
    else if (message.type === 'not_opened') this.#opened.reject(new CodedError('sealing_failed'));
    else this.#say(this.#calls.toController(message, connection));
  }

  meterEnded(): void {
    if (this.#meterDone) return;
    this.#opened.reject(new CodedError('meter_failed'));
    this.stop(failure(new CodedError('meter_failed')), 0);
  }

  /** At each pulse: an agent or a meter that hangs ends the task with its code. Once the agent has ended, the rest has limits of its own. */
  pulse(): void {
    if (this.#concluding) return;
    if (!this.#parts.meter.process.pulse()) this.stop(failure(new CodedError('meter_unresponsive')), 0);
    const hang = this.#agent?.pulse();
    if (hang === undefined) return;
    if (this.#agent?.hasSaidAll) this.#agent.signalGroup('SIGKILL');
    else this.stop(failure(new CodedError('agent_unresponsive', hang)), 0);
  }

  permit(message: Extract<ToCage, { type: 'permit' }>, connection: number): void {
    this.#parts.meter.process.tell({ type: 'permit', ...this.#calls.toMeter(message, connection) });
  }

  functionResult(message: Extract<ToCage, { type: 'function_result' }>): void {
    this.#functions.result(message);
  }

  /** A controller with a newer epoch has come. */
  askAgain(): void {
    for (const permit of this.#calls.askAgain())
      this.#parts.meter.process.tell({ type: 'permit', ...permit });
    this.#functions.askAgain();
  }

  /** The cage ends: there is nobody left to tell. */
  abandon(): void {
    this.#abandoned = true;
    this.stop(failure(new CodedError('task_cancelled')), 0);
    this.#agent?.signalGroup('SIGKILL');
  }

  async #work(): Promise<AgentAnswer> {
    const { start, paths, files, meter, proxy, gate } = this.#parts;
    requireProof(meter);
    await files.written();
    const task = JSON.stringify({ task: start.input, claw: start.claw, deadlineMs: start.deadlineMs });
    const runFiles = await writeRunFiles(paths, task, start.ca);
    await this.#openKey();
    this.#stopping.signal.throwIfAborted();
    proxy.open({
      claw: start.claw.name,
      entries: start.claw.egress,
      providerUrl: start.provider.baseUrl,
      gate,
      capability: start.agentCapability,
      onRefused: (text) => this.#event({ kind: 'log', text }),
    });
    this.#agent = AgentProcess.start({
      paths,
      command: start.claw.command,
      environment: agentEnvironment(paths, {
        model: start.claw.model,
        meterPort: meter.ready.port,
        agentKey: meter.ready.agentKey,
        proxyPort: proxy.port,
        files: runFiles,
      }),
      task,
      onEvent: (event) => this.#event(event),
      onCall: (call) => this.#functions.call(call),
      pulseMs: this.#parts.pulseMs,
    });
    this.#say({ type: 'started', ...this.job });
    const end = await this.#agent.ended;
    this.#functions.close();
    if (!this.#killAgents())
      throw new CodedError('agent_failed', { reason: 'Its processes could not be ended.' });
    return agentAnswer(end, start.claw.command !== undefined, join(paths.work, 'out'));
  }

  async #openKey(): Promise<void> {
    const { start, meter, gate } = this.#parts;
    const { requestsPerMinute, tokensPerMinute, permitWaitMs, unbounded } = start.caps;
    const { claw } = start;
    meter.process.tell({
      type: 'open',
      ...this.job,
      model: claw.model,
      models: claw.models,
      ...(claw.maxOutputTokens !== undefined && { maxOutputTokens: claw.maxOutputTokens }),
      permitWaitMs,
      ...(requestsPerMinute !== undefined && { requestsPerMinute }),
      ...(tokensPerMinute !== undefined && { tokensPerMinute }),
      ...(unbounded !== undefined && { unbounded }),
      provider: start.provider,
      sealedKey: start.sealedKey,
      gate,
    });
    await this.#opened.promise;
  }

  async #conclude(answer: AgentAnswer): Promise<Verdict> {
    this.#concluding = true;
    this.#parts.proxy.shut();
    this.#killAgents();
    await this.#endMeter();
    if (answer.state === 'failed') return answer;
    const { start, paths } = this.#parts;
    if (start.claw.command !== undefined)
      await checkAnswer(paths, start.input.answer, answer.answer, this.#stopping.signal);
    await this.#sendOutput(answer.fromFile);
    return { state: 'succeeded', answer: answer.answer };
  }

  /** With it the key is gone, before anything else is looked at. */
  async #endMeter(): Promise<void> {
    const { process: meter } = this.#parts.meter;
    await meter.finish(this.#stopped === undefined ? SETTLE_MS.ended : SETTLE_MS.stopped);
    this.#meterDone = true;
    await meter.kill();
    for (const settle of this.#calls.abandon()) this.#say(settle);
  }

  async #sendOutput(answerIsFile: boolean): Promise<void> {
    const { paths, link } = this.#parts;
    const out = join(paths.work, 'out');
    const { files, leftOut } = await scanOutput(out, new Set(answerIsFile ? [ANSWER_FILE] : []));
    for (const text of leftOut.slice(0, MAX_NOTES)) this.#event({ kind: 'log', text });
    if (leftOut.length > MAX_NOTES)
      this.#event({ kind: 'log', text: `${leftOut.length - MAX_NOTES} more were left out.` });
    await sendOutputFiles(out, files, {
      ...this.job,
      send: (message) => this.#say(message),
      acknowledged: () => link.acknowledged(),
      signal: this.#stopping.signal,
    });
  }

  #killAgents(): boolean {
    this.#agent?.signalGroup('SIGKILL');
    const { ownsProcesses, meter } = this.#parts;
    const spared = this.#meterDone ? [1, process.pid] : [1, process.pid, meter.process.pid];
    return !ownsProcesses || killAllBut(new Set(spared));
  }

  #timeOut(): void {
    this.stop({ state: 'timed_out', error: new CodedError('task_timed_out').toBody() }, TIMED_OUT_GRACE_MS);
  }

  #event(event: AgentEvent): void {
    this.#say({ type: 'event', taskId: this.job.taskId, event });
  }

  /** What the link cannot take fails the task, and nothing else: there is room for its result. */
  #say(message: FromCage): void {
    if (this.#abandoned) return;
    try {
      this.#parts.link.send(message, URGENCY[message.type] ?? 'reserved');
    } catch (error) {
      this.stop(failure(error), 0);
    }
  }

  /** An answer that does not fit into a frame has failed; a link that is closed has nobody to tell. */
  #sayResult(result: StopReason | Verdict): void {
    if (this.#abandoned) return;
    const { link } = this.#parts;
    try {
      link.send({ type: 'result', ...this.job, ...result }, 'reserved');
    } catch (error) {
      if (toCodedError(error).code !== 'link_frame_too_large') return;
      const tooLong = new CodedError('agent_failed', {
        reason: 'The answer is too long to be sent as JSON.',
      });
      link.send({ type: 'result', ...this.job, ...failure(tooLong) }, 'reserved');
    }
  }
}

/** What an agent can make much of has no part in the room that is kept for the rest. */
const URGENCY: Partial<Record<FromCage['type'], Urgency>> = {
  event: 'droppable',
  function_call: 'ordinary',
  output_file: 'ordinary',
};

const MAX_NOTES = 20;

/** Errors: `cage_unproven`. */
export function requireProof({ proof }: ProvenMeter): void {
  if (proof.ok) return;
  const failed = proof.checks.filter((check) => !check.ok).map((check) => check.name);
  throw new CodedError('cage_unproven', { failed });
}

export function failure(error: unknown): { state: 'failed'; error: ErrorBody } {
  return { state: 'failed', error: toCodedError(error).toBody() };
}
