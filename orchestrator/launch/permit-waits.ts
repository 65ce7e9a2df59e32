/** A permit that takes longer than this is worth telling; and a reason is told at most so often. */
const TELL_AFTER_MS = 500;
const TICK_MS = 250;

interface Waiting {
  readonly sinceMs: number;
  reason: string;
}

/** The calls of one attempt that wait for their permits, and the reason that is told for them. */
export class PermitWaits {
  readonly #tell: (reason: string | null) => void;
  /** The newest last. */
  readonly #waiting = new Map<string, Waiting>();
  #told: string | null = null;
  #toldMs = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  /** `tell`: beside the task's state, why its calls wait; null once none does. */
  constructor(tell: (reason: string | null) => void) {
    this.#tell = tell;
  }

  begin(callId: string): void {
    this.#waiting.set(callId, { sinceMs: performance.now(), reason: 'permit' });
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
  }

  /** As the limiter says it: `key tokens`, `limiter unavailable`, `database unavailable`. */
  waitsFor(callId: string, reason: string): void {
    const waiting = this.#waiting.get(callId);
    if (waiting) waiting.reason = `permit: ${reason}`;
  }

  end(callId: string): void {
    this.#waiting.delete(callId);
    if (this.#waiting.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#say(null);
  }

  #tick(): void {
    const nowMs = performance.now();
    if (nowMs - this.#toldMs >= TELL_AFTER_MS) this.#say(this.#reason(nowMs));
  }

  /** Of the newest; that it stands behind others of its Claw says less than what those wait for. */
  #reason(nowMs: number): string | null {
    const reasons = [...this.#waiting.values()]
      .filter(({ sinceMs }) => nowMs - sinceMs >= TELL_AFTER_MS)
      .map(({ reason }) => reason);
    return reasons.findLast((reason) => reason !== BEHIND_OTHERS) ?? reasons.at(-1) ?? null;
  }

  #say(reason: string | null): void {
    if (reason === this.#told) return;
    this.#told = reason;
    this.#toldMs = performance.now();
    this.#tell(reason);
  }
}

const BEHIND_OTHERS = 'permit: claw queue';
