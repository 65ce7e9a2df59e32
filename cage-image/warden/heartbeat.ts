import { MISSED_PULSES } from '#protocol/link-tls.ts';

/** On a machine with too much to do an event loop may take seconds for what is nothing: short pulses do not make that a hang. */
const LEAST_MS = 3_000;

/**
 * Whether somebody who is pinged still answers. It counts pulses, not time: who was stopped itself, or had no processor, has not seen the others miss one. No more than
 * one ping is on its way, so that one who does not read is not sent more and more.
 */
export class Heartbeat {
  readonly #patience: number;
  #open = false;
  #missed = 0;

  constructor(pulseMs: number) {
    this.#patience = Math.max(MISSED_PULSES, Math.ceil(LEAST_MS / pulseMs));
  }

  /** At each pulse: send a ping now, go on waiting for the answer to the last one, or wait no longer. */
  pulse(): 'ping' | 'wait' | 'silent' {
    if (this.#open) return ++this.#missed < this.#patience ? 'wait' : 'silent';
    this.#open = true;
    return 'ping';
  }

  answered(): void {
    this.#open = false;
    this.#missed = 0;
  }
}

/** Whether a process was stopped (`T` of proc(5)) at three pulses in a row. */
export class StoppedPulses {
  #count = 0;

  pulse(state: string | undefined): boolean {
    this.#count = state === 'T' ? this.#count + 1 : 0;
    return this.#count >= MISSED_PULSES;
  }
}
