import type { Runtime } from '#runtime/runtime.ts';
import type { Log } from '../log.ts';

interface Parts {
  readonly runtime: Pick<Runtime, 'gateAlive' | 'prepare'>;
  /** Whether it answers whom it is there for: see `gateAnswers`. */
  readonly answers: () => Promise<boolean>;
  readonly log: Pick<Log, 'warn'>;
}

/** So many rounds without an answer are no busy machine any more. */
const SILENT_ROUNDS = 3;

/**
 * Brings the gate back: at once where it does not run; where it runs but answers nobody, at the third round in a row, since its tunnels end with it. Cages and their tasks are not ended for either.
 */
export class GateKeep {
  readonly #parts: Parts;
  #silentRounds = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Errors: those of `Runtime.prepare`. */
  async round(): Promise<void> {
    const { runtime, answers, log } = this.#parts;
    const isThere = await runtime.gateAlive();
    if (isThere && (await answers())) {
      this.#silentRounds = 0;
      return;
    }
    this.#silentRounds += 1;
    if (isThere && this.#silentRounds < SILENT_ROUNDS) return;
    log.warn(
      { rounds: this.#silentRounds },
      isThere ? 'the gate hangs: replacing it' : 'the gate is gone: bringing it back',
    );
    await runtime.prepare();
    this.#silentRounds = 0;
  }
}
