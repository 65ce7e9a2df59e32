import { CodedError, fromBody, toCodedError, type ErrorBody } from '#errors/coded-error.ts';
import type { FromCage, ToCage } from '#protocol/link-messages.ts';
import { mayHaveActed } from '#protocol/may-have-acted.ts';
import type { FinalState } from '#task/state.ts';
import type { LiveCage } from './live-cage.ts';
import type { Attempt } from './attempt.ts';
import type { CallDesk } from './call-desk.ts';
import type { FileDesk } from './file-desk.ts';
import type { FunctionDesk } from './function-desk.ts';
import type { WaitingReasons } from './waiting-reasons.ts';

export interface Outcome {
  readonly state: FinalState;
  readonly answer?: string;
  readonly error?: ErrorBody;
  /** The error is the cage's report: its words may be content. */
  readonly reported?: true;
}

interface Parts {
  readonly attempt: Attempt;
  readonly cage: LiveCage;
  readonly desk: CallDesk;
  readonly functions: FunctionDesk;
  readonly files: FileDesk;
  readonly reasons: WaitingReasons;
  /** How long the agent of a cancelled task has to end by itself. */
  readonly cancelGraceMs: number;
  /** The agent's process runs. */
  readonly onStarted: () => Promise<void>;
  /** Resolves when it may be acknowledged; `seq` is the cage's number of it. */
  readonly onEvent: (event: Extract<FromCage, { type: 'event' }>['event'], seq: number) => Promise<void>;
  /** Once: the agent had a model's answer, or called a tool. */
  readonly onActed: () => Promise<void>;
  /** Called once, before the cage's last message is acknowledged; `reported` where the cage itself said that its task is over. */
  readonly onEnded: (outcome: Outcome, reported: boolean) => Promise<void>;
}

/** How long a cage has to say that its agent has ended, after the time that the agent itself was given. */
const BACKSTOP_MS = 600;
/** How long an agent whose time is over has to end by itself. */
const TIMED_OUT_GRACE_MS = 1000;
/** How long what a cage said before its end may take to be dealt with. */
const HEARD_MS = 2000;
/** Of an error that a cage reports: several times what ours says. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const DETAILS_LIMIT_BYTES = 16 * 1024;

/** Listens to one attempt in its cage until its end; whichever of result, cancel and loss comes first decides. */
export class TaskRun {
  readonly attempt: Attempt;
  readonly cage: LiveCage;
  readonly functions: FunctionDesk;
  readonly #parts: Parts;
  #acted = false;
  readonly #begun = Promise.withResolvers<void>();
  #stopped: { readonly state: 'cancelled' | 'timed_out'; readonly error: ErrorBody } | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #backstop: NodeJS.Timeout | undefined;
  #ended: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.attempt = parts.attempt;
    this.cage = parts.cage;
    this.functions = parts.functions;
  }

  /** Begins to listen; before `start` is sent, and again after an adoption. */
  listen(deadlineMs: number): void {
    this.cage.handle((message, seq) => this.#receive(message, seq));
    // The cage keeps the deadline itself; this is for one that does not.
    const lateMs = TIMED_OUT_GRACE_MS + BACKSTOP_MS;
    this.#deadline = setTimeout(
      () => this.stop('timed_out'),
      Math.min(deadlineMs + lateMs, LONGEST_TIMER_MS),
    );
  }

  /** Resolves when the agent's process runs, or nobody listens any more. */
  get begun(): Promise<void> {
    return this.#begun.promise;
  }

  send(message: ToCage): void {
    this.cage.send(message);
  }

  /** Ends the attempt, whatever the cage does, 600 ms after the time that its agent has to end by itself. */
  stop(reason: 'cancelled' | 'timed_out', details?: Readonly<Record<string, unknown>>): void {
    if (this.#ended || this.#backstop) return;
    const graceMs = reason === 'cancelled' ? this.#parts.cancelGraceMs : TIMED_OUT_GRACE_MS;
    const error = new CodedError(
      reason === 'cancelled' ? 'task_cancelled' : 'task_timed_out',
      details,
    ).toBody();
    this.#stopped = { state: reason, error };
    try {
      this.cage.send({ type: 'cancel', reason, graceMs });
    } catch {
      // The link is down: the backstop ends the cage.
    }
    this.#backstop = setTimeout(() => this.#endSurely({ state: reason, error }), graceMs + BACKSTOP_MS);
  }

  /** The cage is gone. What it said before is heard first: whether its agent acted decides whether there is another attempt. */
  async lost(error: CodedError): Promise<void> {
    if (!(await this.cage.heard(HEARD_MS))) await this.#markActed();
    await this.fail(error);
  }

  /** The cage is of no more use. */
  fail(error: CodedError): Promise<void> {
    return this.end({ state: 'failed', error: error.toBody() });
  }

  /** The first outcome counts; later ones wait for it to be written. */
  end(outcome: Outcome, reported = false): Promise<void> {
    this.#ended ??= this.#end(outcome, reported).catch((error: unknown) => {
      this.#ended = undefined;
      throw error;
    });
    return this.#ended;
  }

  /** Where the store cannot take the outcome now, again until it can. */
  #endSurely(outcome: Outcome): void {
    this.end(outcome).catch((error: unknown) => {
      // Another has the attempt: it is told by its own link.
      if (toCodedError(error).code === 'lease_lost') return;
      this.#backstop = setTimeout(() => this.#endSurely(outcome), BACKSTOP_MS);
    });
  }

  /** Lets go without an outcome: the cage runs on for the next orchestrator. */
  release(): void {
    this.#begun.resolve();
    clearTimeout(this.#deadline);
    clearTimeout(this.#backstop);
    void this.#parts.reasons.close();
    this.#parts.desk.release();
  }

  async #end(outcome: Outcome, reported: boolean): Promise<void> {
    this.release();
    await this.#parts.reasons.close();
    await this.#parts.onEnded(outcome, reported);
  }

  async #markActed(): Promise<void> {
    if (this.#acted) return;
    await this.#parts.onActed();
    this.#acted = true;
  }

  /** A cage that does not keep to the limits has failed its task; what the store or the vault cannot take now comes again. */
  async #withinLimits(take: () => Promise<void> | void): Promise<void> {
    try {
      await take();
    } catch (error) {
      const coded = toCodedError(error);
      if (coded.code !== 'output_too_large' && coded.code !== 'link_message_unknown') throw error;
      await this.fail(coded);
    }
  }

  async #receive(message: FromCage, seq: number): Promise<void> {
    const { attempt, desk, functions, files } = this.#parts;
    if ('epoch' in message && message.epoch !== attempt.epoch) return;
    if ('taskId' in message && message.taskId !== attempt.task) return;
    if (mayHaveActed(message)) await this.#markActed();
    switch (message.type) {
      case 'started':
        this.#begun.resolve();
        return this.#parts.onStarted();
      case 'event':
        return this.#parts.onEvent(message.event, seq);
      case 'permit_request':
        return desk.permit(message, (answer) => this.cage.send(answer));
      case 'permit_abandoned':
        return desk.abandon(message.callId);
      case 'sent':
        return desk.sent(message);
      case 'settle':
        return desk.settle(message);
      case 'function_call':
        return this.#withinLimits(() => functions.ask(message));
      case 'function_call_over':
        return functions.over(message.callId);
      case 'output_file':
        return this.#withinLimits(() => files.take(message));
      case 'result':
        // Why it was stopped is known here; the cage only knows that it was.
        return this.end(this.#stopped?.state === message.state ? this.#stopped : outcomeOf(message), true);
      case 'ready':
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
    ...(state === 'succeeded' && { answer: answer ?? '' }),
    ...(error && { error: bounded(fromBody(error)), reported: true }),
  };
}

/** It is kept, shown in lists and sent to webhooks: a cage does not decide how much of it there is. */
function bounded(error: CodedError): ErrorBody {
  const { code, details } = error;
  if (Buffer.byteLength(JSON.stringify(details ?? {})) <= DETAILS_LIMIT_BYTES) return error.toBody();
  return new CodedError(code, { reason: 'its details were too long to be kept' }).toBody();
}
