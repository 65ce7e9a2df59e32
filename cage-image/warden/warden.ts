import { CodedError, toCodedError, type ErrorBody } from '#errors/coded-error.ts';
import type { Bootstrap } from '#protocol/bootstrap.ts';
import type { Proof, StartMessage, ToCage } from '#protocol/link-messages.ts';
import type { FromMeter } from '../meter/messages.ts';
import type { CagePaths } from '../paths.ts';
import { agentEnvironment } from './agent-environment.ts';
import { AgentProcess, type AgentResult } from './agent-process.ts';
import { EgressProxy } from './egress-proxy.ts';
import type { CageLink, ServeOptions } from './link/serve-link.ts';
import { InputFiles } from './input-files.ts';
import { MeterProcess, type MeterReady } from './meter-process.ts';
import { OpenCalls } from './open-calls.ts';
import { killAllBut } from './processes.ts';
import type { ProofSubject } from './proof/prove.ts';

export type WardenLink = Pick<CageLink, 'send' | 'acknowledged' | 'close'>;
export type LinkHandlers = Pick<ServeOptions, 'bootstrap' | 'hello' | 'onMessage' | 'onController'>;

export interface WardenParts {
  readonly bootstrap: Bootstrap;
  readonly paths: CagePaths;
  /** Whether every process in sight belongs to this cage, so that all but the warden's own may be killed (see `inCage`). */
  readonly ownsProcesses: boolean;
  readonly prove: (subject: ProofSubject) => Promise<Proof>;
  readonly serveLink: (handlers: LinkHandlers) => WardenLink;
}

export const EXIT = { done: 0, noBootstrap: 64, broken: 70, orphaned: 75 } as const;

type Verdict = { state: 'failed' | 'cancelled' | 'timed_out'; error: ErrorBody } | AgentResult;
type Cancel = Extract<ToCage, { type: 'cancel' }>;
type VerifyKey = Extract<ToCage, { type: 'verify_key' }>;

/** How long calls that still run may take to be settled: after an agent that ended by itself, and after one that was stopped. */
const SETTLE_MS = { ended: 5_000, stopped: 500 } as const;
const TIMED_OUT_GRACE_MS = 1_000;
const METER_READY_WITHIN_MS = 20_000;
/** The longest that a timer of Node can run; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Owns the cage: starts and ends the other processes and speaks for them over the link. A key passes it only sealed. One cage does one task (or
 * verifies one key); it then waits for `end`, or for the orphan time without a controller.
 */
export class Warden {
  readonly #parts: WardenParts;
  readonly #files: InputFiles;
  readonly #over = Promise.withResolvers<number>();
  readonly #opened = Promise.withResolvers<void>();
  #meter!: MeterProcess;
  #ready!: MeterReady;
  #proxy!: EgressProxy;
  #proof!: Proof;
  #link!: WardenLink;
  #connection = 0;
  #orphanTimer: NodeJS.Timeout | undefined;
  #job: { readonly taskId: string; readonly epoch: number } | 'verify' | undefined;
  #calls: OpenCalls | undefined;
  #agent: AgentProcess | undefined;
  /** Why the task ends before the agent says so; the first reason counts. */
  #stopped: Exclude<Verdict, { state: 'succeeded' }> | undefined;
  #graceTimer: NodeJS.Timeout | undefined;
  #ending = false;
  /** The result has reached a controller: the cage has nothing more to tell of its task. */
  #reported = false;

  constructor(parts: WardenParts) {
    this.#parts = parts;
    this.#files = new InputFiles(parts.paths.work);
    this.#opened.promise.catch(() => undefined);
  }

  /** The cage's life. Resolves with the exit code of the process. */
  async run(): Promise<number> {
    this.#meter = MeterProcess.start(this.#parts.paths, {
      onMessage: (message) => this.#heardMeter(message),
      onEnd: () => this.#meterEnded(),
    });
    const late = setTimeout(() => void this.#meter.kill(), METER_READY_WITHIN_MS);
    this.#proxy = await EgressProxy.start();
    try {
      const { pid, ready } = this.#meter;
      this.#proof = await this.#parts.prove({
        meterPid: pid,
        meterReady: ready,
        proxyPort: this.#proxy.port,
      });
      this.#ready = await ready;
    } catch {
      return EXIT.broken;
    } finally {
      clearTimeout(late);
    }
    this.#link = this.#parts.serveLink({
      bootstrap: this.#parts.bootstrap,
      hello: () => ({
        cageId: this.#parts.bootstrap.cageId,
        meterPublicKey: this.#ready.publicKey,
        proof: this.#proof,
        ...(typeof this.#job === 'object' && !this.#reported && { task: this.#job }),
      }),
      onMessage: (message) => this.#obey(message),
      onController: (present, { fresh }) => this.#controllerChanged(present, fresh),
    });
    this.#controllerChanged(false, false);
    return this.#over.promise;
  }

  /** Lets go of everything; the process may exit. */
  async close(): Promise<void> {
    clearTimeout(this.#orphanTimer);
    await this.#link?.close();
    this.#proxy?.close();
    this.#agent?.signalGroup('SIGKILL');
    await this.#meter?.kill();
  }

  #obey(message: ToCage): Promise<void> | void {
    switch (message.type) {
      case 'file':
        return this.#files.add(message);
      case 'start':
        return void this.#start(message);
      case 'verify_key':
        return this.#verify(message);
      case 'permit': {
        const permit = this.#calls?.toMeter(message, this.#connection);
        return permit === undefined ? undefined : this.#meter.tell({ type: 'permit', ...permit });
      }
      case 'cancel':
        return this.#cancel(message);
      case 'ping':
        this.#link.send({ type: 'pong', id: message.id });
        return;
      case 'end':
        return this.#over.resolve(EXIT.done);
    }
  }

  async #start(start: StartMessage): Promise<void> {
    const job = { taskId: start.taskId, epoch: start.epoch };
    if (this.#job !== undefined) {
      this.#link.send({
        type: 'result',
        ...job,
        ...failure(new CodedError('conflict', { reason: 'The cage has work already.' })),
      });
      return;
    }
    this.#job = job;
    this.#calls = new OpenCalls(job);
    const deadline = setTimeout(() => this.#timeOut(), Math.min(start.deadlineMs, LONGEST_TIMER_MS));
    const verdict = await this.#work(start).catch((error: unknown) => failure(error));
    clearTimeout(deadline);
    await this.#end(job, this.#stopped ?? verdict);
  }

  async #work(start: StartMessage): Promise<Verdict> {
    this.#requireProof();
    await this.#files.written();
    await this.#openKey(start);
    if (this.#stopped !== undefined) return this.#stopped;
    this.#agent = AgentProcess.start({
      paths: this.#parts.paths,
      environment: agentEnvironment(this.#parts.paths, {
        meterPort: this.#ready.port,
        agentKey: this.#ready.agentKey,
        proxyPort: this.#proxy.port,
      }),
      task: start,
      onEvent: (event) =>
        this.#link.send({ type: 'event', taskId: start.taskId, event }, { droppable: true }),
    });
    this.#link.send({ type: 'started', taskId: start.taskId, epoch: start.epoch });
    return this.#agent.result;
  }

  #requireProof(): void {
    if (this.#proof.ok) return;
    const failed = this.#proof.checks.filter((check) => !check.ok).map((check) => check.name);
    throw new CodedError('cage_unproven', { failed });
  }

  async #openKey({ taskId, epoch, claw, caps, provider, sealedKey }: StartMessage): Promise<void> {
    const { permitWaitMs, requestsPerMinute, tokensPerMinute } = caps;
    this.#meter.tell({
      type: 'open',
      taskId,
      epoch,
      model: claw.model,
      models: claw.models,
      ...(claw.maxOutputTokens !== undefined && { maxOutputTokens: claw.maxOutputTokens }),
      permitWaitMs,
      ...(requestsPerMinute !== undefined && { requestsPerMinute }),
      ...(tokensPerMinute !== undefined && { tokensPerMinute }),
      provider,
      sealedKey,
      gate: this.#parts.bootstrap.gate,
    });
    await this.#opened.promise;
  }

  #verify({ provider, sealedKey, deadlineMs }: VerifyKey): void {
    if (this.#job !== undefined) return;
    this.#job = 'verify';
    const { cageId, gate } = this.#parts.bootstrap;
    try {
      this.#requireProof();
      this.#meter.tell({ type: 'verify', cageId, deadlineMs, provider, sealedKey, gate });
    } catch (error) {
      this.#verified({ type: 'verified', ok: false, error: toCodedError(error).toBody() });
    }
  }

  #verified(verified: Extract<FromMeter, { type: 'verified' }>): void {
    this.#ending = true;
    this.#link.send({ ...verified, type: 'key_verified' });
    void this.#meter.kill();
  }

  #heardMeter(message: Exclude<FromMeter, { type: 'ready' | 'finished' }>): void {
    switch (message.type) {
      case 'opened':
        return this.#opened.resolve();
      case 'not_opened':
        return this.#opened.reject(new CodedError('sealing_failed'));
      case 'verified':
        return this.#verified(message);
      default:
        if (this.#calls !== undefined) this.#link.send(this.#calls.toController(message, this.#connection));
    }
  }

  #meterEnded(): void {
    if (this.#ending || this.#link === undefined) return;
    this.#opened.reject(new CodedError('meter_failed'));
    if (this.#job === 'verify') {
      this.#verified({ type: 'verified', ok: false, error: new CodedError('meter_failed').toBody() });
    } else if (this.#job === undefined) {
      this.#over.resolve(EXIT.broken);
    } else {
      this.#stop(failure(new CodedError('meter_failed')), 0);
    }
  }

  #cancel({ reason, graceMs }: Cancel): void {
    const code = reason === 'cancelled' ? 'task_cancelled' : 'task_timed_out';
    this.#stop({ state: reason, error: new CodedError(code).toBody() }, graceMs);
  }

  #timeOut(): void {
    this.#stop({ state: 'timed_out', error: new CodedError('task_timed_out').toBody() }, TIMED_OUT_GRACE_MS);
  }

  #stop(reason: Exclude<Verdict, { state: 'succeeded' }>, graceMs: number): void {
    if (typeof this.#job !== 'object' || this.#stopped !== undefined || this.#ending) return;
    this.#stopped = reason;
    this.#opened.reject(new CodedError('task_cancelled'));
    this.#agent?.signalGroup('SIGTERM');
    this.#graceTimer = setTimeout(() => this.#killAgents(), graceMs);
  }

  #killAgents(): void {
    this.#agent?.signalGroup('SIGKILL');
    if (this.#parts.ownsProcesses) killAllBut(new Set([1, process.pid, this.#meter.pid]));
  }

  async #end(job: { taskId: string; epoch: number }, verdict: Verdict): Promise<void> {
    clearTimeout(this.#graceTimer);
    this.#killAgents();
    await this.#meter.finish(this.#stopped === undefined ? SETTLE_MS.ended : SETTLE_MS.stopped);
    this.#ending = true;
    await this.#meter.kill();
    for (const settle of this.#calls?.abandon() ?? []) this.#link.send(settle);
    this.#link.send({ type: 'result', ...job, ...verdict });
    if (this.#stopped?.error.code === 'task_orphaned') this.#over.resolve(EXIT.orphaned);
    // Rejects only where the link is closed, that is at the cage's end.
    await this.#link.acknowledged().then(
      () => (this.#reported = true),
      () => undefined,
    );
  }

  #controllerChanged(present: boolean, fresh: boolean): void {
    clearTimeout(this.#orphanTimer);
    if (present) this.#connection += 1;
    else this.#orphanTimer = setTimeout(() => this.#orphaned(), this.#parts.bootstrap.orphanMs);
    if (fresh)
      for (const permit of this.#calls?.askAgain() ?? []) this.#meter.tell({ type: 'permit', ...permit });
  }

  #orphaned(): void {
    this.#stop(failure(new CodedError('task_orphaned')), 0);
    if (this.#stopped?.error.code !== 'task_orphaned') this.#over.resolve(EXIT.orphaned);
  }
}

function failure(error: unknown): { state: 'failed'; error: ErrorBody } {
  return { state: 'failed', error: toCodedError(error).toBody() };
}
