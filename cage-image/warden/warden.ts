import { CodedError, toCodedError } from '#errors/coded-error.ts';
import type { Bootstrap } from '#protocol/bootstrap.ts';
import type { CageHello } from '#protocol/link-cage.ts';
import type { FromCage, Proof, StartMessage, ToCage } from '#protocol/link-messages.ts';
import { LINK_PULSE, linkPulse } from '#protocol/link-tls.ts';
import { cageClock } from '../cage-clock.ts';
import type { FromMeter } from '../meter/messages.ts';
import type { CagePaths } from '../paths.ts';
import { Attempt, failure, requireProof } from './attempt.ts';
import { EgressProxy } from './egress/egress-proxy.ts';
import { emptyCage } from './empty-cage.ts';
import { InputFiles } from './input-files.ts';
import type { CageLink, ServeOptions } from './link/serve-link.ts';
import type { ProofSubject } from './proof/prove.ts';
import { startProvenMeter, type ProvenMeter } from './proven-meter.ts';

export type WardenLink = Pick<CageLink, 'send' | 'acknowledged' | 'close'>;
export type LinkHandlers = Pick<ServeOptions, 'bootstrap' | 'hello' | 'onMessage' | 'onController' | 'pulse'>;

export interface WardenParts {
  readonly bootstrap: Bootstrap;
  readonly paths: CagePaths;
  /** Whether every process in sight belongs to this cage, so that all but the warden's own may be killed (see `inCage`). */
  readonly ownsProcesses: boolean;
  readonly prove: (subject: ProofSubject) => Promise<Proof>;
  readonly serveLink: (handlers: LinkHandlers) => WardenLink;
}

export const EXIT = { done: 0, noBootstrap: 64, broken: 70, orphaned: 75 } as const;

type Cancel = Extract<ToCage, { type: 'cancel' }>;
type VerifyKey = Extract<ToCage, { type: 'verify_key' }>;
type MeterMessage = Exclude<FromMeter, { type: 'ready' | 'finished' | 'pong' }>;

/**
 * Owns the cage: starts and ends the other processes and speaks for them over the link. A key passes it only sealed. A cage does one task (or verifies one key); it
 * then waits for `end`, for `reset`, which makes it as good as new, or for the orphan time without a controller.
 */
export class Warden {
  readonly #parts: WardenParts;
  readonly #over = Promise.withResolvers<number>();
  #files: InputFiles;
  #meter!: ProvenMeter;
  #proxy!: EgressProxy;
  #link: WardenLink | undefined;
  #connection = 0;
  #orphanTimer: NodeJS.Timeout | undefined;
  #pulseTimer: NodeJS.Timeout | undefined;
  #job: Attempt | 'verify' | undefined;
  /** The job's result has reached a controller: the cage has nothing more to tell of it. */
  #reported: Promise<boolean> = Promise.resolve(true);
  #isReported = true;
  /** The meter's end is ours from now on. */
  #meterDone = false;
  /** Whoever asks what the cage is waits until it is that again. */
  #resetting: Promise<void> = Promise.resolve();

  constructor(parts: WardenParts) {
    this.#parts = parts;
    this.#files = new InputFiles(parts.paths.work);
  }

  /** The cage's life. Resolves with the exit code of the process. */
  async run(): Promise<number> {
    this.#proxy = await EgressProxy.start();
    try {
      this.#meter = await this.#newMeter();
    } catch {
      return EXIT.broken;
    }
    this.#link = this.#parts.serveLink({
      bootstrap: this.#parts.bootstrap,
      hello: () => this.#hello(),
      onMessage: (message) => this.#obey(message),
      onController: (present, { fresh }) => this.#controllerChanged(present, fresh),
      pulse: linkPulse(this.#pulseMs),
    });
    this.#pulseTimer = setInterval(() => this.#pulse(), this.#pulseMs);
    this.#controllerChanged(false, false);
    return this.#over.promise;
  }

  /** Lets go of everything; the process may exit. */
  async close(): Promise<void> {
    clearTimeout(this.#orphanTimer);
    clearInterval(this.#pulseTimer);
    this.#meterDone = true;
    if (this.#job instanceof Attempt) this.#job.abandon();
    await this.#link?.close();
    this.#proxy?.close();
    await this.#meter?.process.kill();
  }

  get #pulseMs(): number {
    return this.#parts.bootstrap.pulseMs ?? LINK_PULSE.pulseMs;
  }

  #pulse(): void {
    if (this.#job instanceof Attempt) this.#job.pulse();
    else if (!this.#meterDone && !this.#meter.process.pulse()) this.#meterFailed('meter_unresponsive');
  }

  #newMeter(): Promise<ProvenMeter> {
    this.#meterDone = false;
    return startProvenMeter(
      this.#parts.paths,
      this.#proxy.port,
      this.#parts.prove,
      {
        onMessage: (message) => this.#heardMeter(message),
        onEnd: () => this.#meterEnded(),
      },
      this.#pulseMs,
    );
  }

  async #hello(): Promise<CageHello> {
    await this.#resetting;
    return {
      cageId: this.#parts.bootstrap.cageId,
      meterPublicKey: this.#meter.ready.publicKey,
      proof: this.#meter.proof,
      ...(this.#job instanceof Attempt && !this.#isReported && { task: this.#job.job }),
    };
  }

  #obey(message: ToCage): Promise<void> | void {
    const attempt = this.#job instanceof Attempt ? this.#job : undefined;
    switch (message.type) {
      case 'file':
        return this.#files.add(message);
      case 'start':
        return this.#start(message);
      case 'verify_key':
        return this.#verify(message);
      case 'permit':
        return attempt?.permit(message, this.#connection);
      case 'function_result':
        return attempt?.functionResult(message);
      case 'cancel':
        return attempt && cancel(attempt, message);
      case 'reset':
        return this.#reset();
      case 'ping':
        void this.#pong(message.id);
        return;
      case 'end':
        return this.#over.resolve(EXIT.done);
    }
  }

  #start(start: StartMessage): void {
    const link = this.#link!;
    const { taskId, epoch } = start;
    if (this.#job !== undefined) {
      const error = new CodedError('conflict', { reason: 'The cage has work already.' });
      this.#tell({ type: 'result', taskId, epoch, ...failure(error) });
      return;
    }
    const { paths, ownsProcesses, bootstrap } = this.#parts;
    const attempt = new Attempt({
      start,
      paths,
      ownsProcesses,
      gate: bootstrap.gate,
      meter: this.#meter,
      proxy: this.#proxy,
      files: this.#files,
      link,
      pulseMs: this.#pulseMs,
    });
    this.#job = attempt;
    this.#isReported = false;
    this.#reported = attempt.run().then(() => this.#ended(attempt));
  }

  async #ended(attempt: Attempt): Promise<boolean> {
    this.#meterDone = true;
    if (attempt.stoppedBy?.error.code === 'task_orphaned') this.#over.resolve(EXIT.orphaned);
    // Rejects only where the link is closed, that is at the cage's end.
    this.#isReported = await this.#link!.acknowledged().then(
      () => true,
      () => false,
    );
    return this.#isReported;
  }

  /** Passed over while a task runs: that is ended by its own end, or by `cancel`. */
  async #reset(): Promise<void> {
    if (this.#job === undefined || this.#job === 'verify' || !this.#meterDone) return;
    if (!(await this.#reported)) return;
    const done = Promise.withResolvers<void>();
    this.#resetting = done.promise;
    try {
      await emptyCage(this.#parts.paths, this.#parts.ownsProcesses);
      this.#files = new InputFiles(this.#parts.paths.work);
      this.#meter = await this.#newMeter();
      this.#job = undefined;
    } catch {
      // What cannot be emptied is not used again; nobody is told anything of it but by the end of the cage.
      return this.#over.resolve(EXIT.broken);
    }
    done.resolve();
    const { ready, proof } = this.#meter;
    this.#tell({ type: 'ready', meterPublicKey: ready.publicKey, proof });
  }

  /** A cage that waits for work answers when its meter has answered: it is asked whether it can take a key. */
  async #pong(id: number): Promise<void> {
    if (this.#job === undefined && !this.#meterDone) await this.#meter.process.answers();
    this.#tell({ type: 'pong', id, clockMs: cageClock() });
  }

  /** What is not the task's own: a link that is closed, or full beyond its reserve, has nobody to hear it. */
  #tell(message: FromCage): void {
    try {
      this.#link?.send(message, 'reserved');
    } catch {
      // The cage is at its end.
    }
  }

  #verify({ provider, sealedKey, deadlineMs }: VerifyKey): void {
    if (this.#job !== undefined) return;
    this.#job = 'verify';
    const { cageId, gate } = this.#parts.bootstrap;
    try {
      requireProof(this.#meter);
      this.#meter.process.tell({ type: 'verify', cageId, deadlineMs, provider, sealedKey, gate });
    } catch (error) {
      this.#verified({ type: 'verified', ok: false, error: toCodedError(error).toBody() });
    }
  }

  #verified(verified: Extract<FromMeter, { type: 'verified' }>): void {
    this.#meterDone = true;
    this.#tell({ ...verified, type: 'key_verified' });
    void this.#meter.process.kill();
  }

  #heardMeter(message: MeterMessage): void {
    if (message.type === 'verified') this.#verified(message);
    else if (this.#job instanceof Attempt) this.#job.heardMeter(message, this.#connection);
  }

  #meterEnded(): void {
    // While it starts, who waits for it hears of its end.
    if (this.#meterDone || this.#link === undefined) return;
    if (this.#job instanceof Attempt) this.#job.meterEnded();
    else this.#meterFailed('meter_failed');
  }

  /** Without a task: a cage that was to verify a key says so, one that waits for work is of no more use. */
  #meterFailed(code: 'meter_failed' | 'meter_unresponsive'): void {
    if (this.#job === 'verify')
      this.#verified({ type: 'verified', ok: false, error: new CodedError(code).toBody() });
    else this.#over.resolve(EXIT.broken);
  }

  #controllerChanged(present: boolean, fresh: boolean): void {
    clearTimeout(this.#orphanTimer);
    if (present) this.#connection += 1;
    else this.#orphanTimer = setTimeout(() => this.#orphaned(), this.#parts.bootstrap.orphanMs);
    if (fresh && this.#job instanceof Attempt) this.#job.askAgain();
  }

  #orphaned(): void {
    const attempt = this.#job instanceof Attempt ? this.#job : undefined;
    attempt?.stop(failure(new CodedError('task_orphaned')), 0);
    if (attempt?.stoppedBy?.error.code !== 'task_orphaned') this.#over.resolve(EXIT.orphaned);
  }
}

function cancel(attempt: Attempt, { reason, graceMs }: Cancel): void {
  const code = reason === 'cancelled' ? 'task_cancelled' : 'task_timed_out';
  attempt.stop({ state: reason, error: new CodedError(code).toBody() }, graceMs);
}
