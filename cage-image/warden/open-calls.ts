import type { FromCage, ToCage } from '#protocol/link-messages.ts';
import type { FromMeter, PermitDecision } from '../meter/messages.ts';

type CallMessage = Extract<FromMeter, { type: 'permit_request' | 'permit_abandoned' | 'sent' | 'settle' }>;
type Permit = Extract<ToCage, { type: 'permit' }>;

interface OpenCall {
  readonly model: string;
  readonly operation: string;
  readonly connection: number;
  readonly askedAt: number;
  decided: boolean;
  /** It had a permit once, and may be on its way: a refusal of more time does not end it. */
  permitted: boolean;
}

/** A permit without any time left: the meter gives it back, wherever it was granted, and asks again under a new id. */
const EXPIRED = { granted: true, sendWithinMs: 0 } as const;

/**
 * The calls of the meter that are not settled yet, as the warden sees them pass. When the meter is gone, by its end or because the agent killed it,
 * each of them is settled in full: it may have been sent.
 */
export class OpenCalls {
  readonly #task: { readonly taskId: string; readonly epoch: number };
  readonly #open = new Map<string, OpenCall>();

  constructor(task: { readonly taskId: string; readonly epoch: number }) {
    this.#task = task;
  }

  /** The meter's message as the controller gets it. `connection` counts the controllers that the link has had. */
  toController(message: CallMessage, connection: number): FromCage {
    if (message.type === 'permit_request') {
      const before = this.#open.get(message.callId);
      this.#open.set(message.callId, {
        model: message.model,
        operation: message.operation,
        connection,
        askedAt: before?.askedAt ?? performance.now(),
        decided: false,
        permitted: before?.permitted ?? false,
      });
      return { ...message, ...this.#task };
    }
    if (message.type === 'sent') return message;
    this.#open.delete(message.callId);
    return message.type === 'settle' ? { ...message, taskId: this.#task.taskId } : message;
  }

  /**
   * A permit as the meter gets it. One that was asked for over an earlier connection may have been given long ago and replayed only now, so it comes with
   * no time left: the meter gives it back and asks again.
   */
  toMeter(permit: Permit, connection: number): { callId: string; decision: PermitDecision } {
    const call = this.#open.get(permit.callId);
    if (call !== undefined) {
      call.decided = true;
      call.permitted ||= permit.decision.granted;
      // It is not made under this name any more.
      if (!call.permitted) this.#open.delete(permit.callId);
    }
    const stale = call !== undefined && call.connection !== connection;
    return { callId: permit.callId, decision: permit.decision.granted && stale ? EXPIRED : permit.decision };
  }

  /** A controller with a newer epoch has come: what the one before was asked and did not answer, it may never have heard of. */
  askAgain(): { callId: string; decision: PermitDecision }[] {
    const unanswered = [...this.#open].filter(([, call]) => !call.decided);
    return unanswered.map(([callId, call]) => {
      call.decided = true;
      return { callId, decision: EXPIRED };
    });
  }

  /** The settles that the meter can no longer send. */
  abandon(): FromCage[] {
    const settles = [...this.#open].map(([callId, call]): FromCage => ({
      type: 'settle',
      taskId: this.#task.taskId,
      callId,
      model: call.model,
      operation: call.operation,
      charge: 'full',
      durationMs: Math.round(performance.now() - call.askedAt),
    }));
    this.#open.clear();
    return settles;
  }
}
