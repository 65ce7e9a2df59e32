import { setTimeout as pause } from 'node:timers/promises';
import { CodedError, toCodedError } from '#errors/coded-error.ts';
import { MISSED_PULSES } from '#protocol/link-tls.ts';
import type { CageCondition, Runtime } from '#runtime/runtime.ts';
import type { Log } from '../log.ts';
import type { CageKeeper } from './cage-keeper.ts';
import type { LiveCage } from './live-cage.ts';
import type { Runs } from './runs.ts';
import { stuckVerdict } from './stuck-verdict.ts';

interface Parts {
  readonly runtime: Pick<Runtime, 'diagnose'>;
  /** Whether the way to the cages is open: see `gateAnswers`. */
  readonly gateAnswers: () => Promise<boolean>;
  readonly keeper: Pick<CageKeeper, 'all' | 'retire'>;
  readonly runs: {
    ofCage(cageId: string): Pick<NonNullable<ReturnType<Runs['ofCage']>>, 'lost'> | undefined;
  };
  readonly organisation: string;
  readonly pulseMs: number;
  readonly log: Log;
}

interface Silence {
  missedPulses: number;
  /** When the pulses are counted from; by `performance.now()`. */
  sinceMs: number;
}

/**
 * Finds cages that live but do not answer: paused, frozen, or with a warden that is stopped or hangs. What hangs inside a cage its warden finds itself. It counts pulses of its
 * own, each of which leaves time to listen, so that a process that was stopped or busy itself has missed nothing. Only a cage that is silent costs a question to the engine.
 */
export class StuckWatch {
  readonly #parts: Parts;
  readonly #closing = new AbortController();
  readonly #silences = new Map<LiveCage, Silence>();
  readonly #ending = new Set<string>();
  /** The gate did not answer when it was last asked. */
  #isCutOff = false;
  #watching: Promise<void> = Promise.resolve();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  start(): void {
    this.#watching = this.#watch();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#watching;
  }

  /** One pulse. */
  async pulse(): Promise<void> {
    const silent = this.#listen();
    if (silent.length === 0 && !this.#isCutOff) return;
    const wasCutOff = this.#isCutOff;
    this.#isCutOff = !(await this.#parts.gateAnswers());
    // Nobody could be heard: all begin anew.
    if (wasCutOff || this.#isCutOff) this.#silences.clear();
    else await Promise.all(silent.map((cage) => this.#examine(cage)));
  }

  /** Why a cage that did not take a new controller for so long is stuck, where it is; nothing while the gate or the engine is away. */
  async diagnose(cageId: string, silentMs: number): Promise<CodedError | undefined> {
    const gateAnswers = await this.#parts.gateAnswers();
    const condition = gateAnswers ? await this.#condition(cageId) : undefined;
    const missedPulses = Math.floor(silentMs / this.#parts.pulseMs);
    const code = stuckVerdict({ missedPulses, silentMs, gateAnswers, condition });
    return code && new CodedError(code, { silentMs: Math.round(silentMs) });
  }

  async #watch(): Promise<void> {
    const { signal } = this.#closing;
    const { pulseMs, log } = this.#parts;
    for (;;) {
      await pause(pulseMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      await this.pulse().catch((error: unknown) =>
        log.warn({ code: toCodedError(error).code }, 'silent cages are looked at later'),
      );
    }
  }

  /** Those of whom nothing was heard for three pulses. */
  #listen(): LiveCage[] {
    const cages = this.#parts.keeper.all();
    const now = performance.now();
    for (const cage of this.#silences.keys()) if (!cages.includes(cage)) this.#silences.delete(cage);
    return cages.filter((cage) => {
      const silence = this.#silences.get(cage);
      if (silence === undefined || cage.heardMs > silence.sinceMs) {
        this.#silences.set(cage, { missedPulses: 0, sinceMs: now });
        return false;
      }
      silence.missedPulses += 1;
      // It may pulse more slowly than we do.
      if (silence.missedPulses === 1) cage.ping();
      return silence.missedPulses >= MISSED_PULSES && !this.#ending.has(cage.cageId);
    });
  }

  async #examine(cage: LiveCage): Promise<void> {
    const condition = await this.#condition(cage.cageId);
    const silence = this.#silences.get(cage);
    if (silence === undefined || cage.heardMs > silence.sinceMs) return;
    const silentMs = Math.round(performance.now() - silence.sinceMs);
    const { missedPulses } = silence;
    const code = stuckVerdict({ missedPulses, silentMs, gateAnswers: true, condition });
    if (code === undefined) return;
    this.#ending.add(cage.cageId);
    // Not awaited: what others said before is heard meanwhile.
    void this.#end(cage, new CodedError(code, { silentMs })).finally(() => this.#ending.delete(cage.cageId));
  }

  #condition(cageId: string): Promise<CageCondition | undefined> {
    return this.#parts.runtime.diagnose(cageId, this.#closing.signal).catch(() => undefined);
  }

  /** With its task, or, where it waits for one, before it gets it. */
  async #end({ cageId }: LiveCage, error: CodedError): Promise<void> {
    const { runs, keeper, organisation, log } = this.#parts;
    log.warn({ cage: cageId, code: error.code, details: error.details }, 'a cage is stuck: it is ended');
    const run = runs.ofCage(cageId);
    try {
      if (run) await run.lost(error);
      else await keeper.retire(organisation, cageId);
    } catch (failure) {
      log.warn({ cage: cageId, code: toCodedError(failure).code }, 'a stuck cage is ended later');
    }
  }
}
