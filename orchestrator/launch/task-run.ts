import { CodedError, fromBody, toCodedError, type ErrorBody } from '#errors/coded-error.ts';
import type { FromCage, ToCage } from '#protocol/link-messages.ts';
import type { FinalState } from '#task/state.ts';
import type { LiveCage } from './live-cage.ts';
import type { Attempt } from './attempt.ts';
import type { CallDesk } from './call-desk.ts';

export interface Outcome {
  readonly state: FinalState;
  readonly answer?: string;
  readonly error?: ErrorBody;
}

interface Parts {
  readonly attempt: Attempt;
  readonly cage: LiveCage;
  readonly desk: CallDesk;
  /** The agent's process runs. */
  readonly onStarted: () => Promise<void>;
  readonly onEvent: (event: Extract<FromCage, { type: 'event' }>['event']) => void;
  /** Called once, before the cage's last message is acknowledged. */
  readonly onEnded: (outcome: Outcome) => Promise<void>;
}

/** How long the agent has to end by itself, and how long after that the cage has to say so. */
const GRACE_MS = 1000;
const BACKSTOP_MS = 1600;

/** Listens to one attempt in its cage until its end; whichever of result, cancel and loss comes first decides. */
export class TaskRun {
  readonly attempt: Attempt;
  readonly cage: LiveCage;
  readonly #parts: Parts;
  #deadline: NodeJS.Timeout | undefined;
  #backstop: NodeJS.Timeout | undefined;
  #ended: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.attempt = parts.attempt;
    this.cage = parts.cage;
  }

  /** Begins to listen; before `start` is sent, and again after an adoption. */
  listen(deadlineMs: number): void {
    this.cage.handle((message) => this.#receive(message));
    // The cage keeps the deadline itself; this is for one that does not.
    this.#deadline = setTimeout(() => this.stop('timed_out'), deadlineMs + BACKSTOP_MS);
  }

  send(message: ToCage): void {
    this.cage.send(message);
  }

  /** Ends the attempt within two seconds, whatever the cage does. */
  stop(reason: 'cancelled' | 'timed_out', details?: Record<string, unknown>): void {
    if (this.#ended || this.#backstop) return;
    const error = new CodedError(
      reason === 'cancelled' ? 'task_cancelled' : 'task_timed_out',
      details,
    ).toBody();
    try {
      this.cage.send({ type: 'cancel', reason, graceMs: GRACE_MS });
    } catch {
      // The link is down: the backstop ends the cage.
    }
    this.#backstop = setTimeout(() => this.#endSurely({ state: reason, error }), BACKSTOP_MS);
  }

  /** The cage is gone, or of no more use. */
  fail(error: CodedError): Promise<void> {
    return this.end({ state: 'failed', error: error.toBody() });
  }

  /** The first outcome counts; later ones wait for it to be written. */
  end(outcome: Outcome): Promise<void> {
    this.#ended ??= this.#end(outcome).catch((error: unknown) => {
      this.#ended = undefined;
      throw error;
    });
    return this.#ended;
  }

  /** Where the store cannot take the outcome now, again until it can. */
  #endSurely(outcome: Outcome): void {
    this.end(outcome).catch(() => {
      this.#backstop = setTimeout(() => this.#endSurely(outcome), BACKSTOP_MS);
    });
  }

  /** Lets go without an outcome: the cage runs on for the next orchestrator. */
  release(): void {
    clearTimeout(this.#deadline);
    clearTimeout(this.#backstop);
    this.#parts.desk.release();
  }

  async #end(outcome: Outcome): Promise<void> {
    this.release();
    await this.#parts.onEnded(outcome);
  }

  async #receive(message: FromCage): Promise<void> {
    const { attempt, desk } = this.#parts;
    if ('epoch' in message && message.epoch !== attempt.epoch) return;
    switch (message.type) {
      case 'started':
        return this.#parts.onStarted();
      case 'event':
        return this.#parts.onEvent(message.event);
      case 'permit_request':
        return desk.permit(message, (answer) => this.cage.send(answer));
      case 'permit_abandoned':
        return desk.abandon(message.callId);
      case 'sent':
        return desk.sent(message);
      case 'settle':
        return desk.settle(message);
      case 'result':
        return this.end(outcomeOf(message));
      case 'pong':
      case 'key_verified':
        return;
    }
  }
}

function outcomeOf(message: Extract<FromCage, { type: 'result' }>): Outcome {
  const { state, answer, error } = message;
  return {
    state,
    ...(answer !== undefined && state === 'succeeded' && { answer }),
    ...(error && { error: toCodedError(fromBody(error)).toBody() }),
  };
}
