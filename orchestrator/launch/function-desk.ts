import { CodedError } from '#errors/coded-error.ts';
import type { FunctionCall, FunctionResult } from '#protocol/api.ts';
import { FRAME_LIMIT } from '#protocol/frames.ts';
import type { FromCage, ToCage } from '#protocol/link-messages.ts';
import type { TaskEvent } from '#protocol/live.ts';

interface Parts {
  /** Resolves when the cage has taken the message; rejects where the link is let go before. */
  readonly deliver: (message: ToCage) => Promise<void>;
  /** Resolves when every orchestrator can show it; a second time for the same call tells nobody anything. */
  readonly publish: (event: TaskEvent) => Promise<void>;
  /** Says beside the task's state that it waits for a caller's answer, or no longer. */
  readonly onWaiting: (waiting: boolean) => void;
}

/** Calls of one attempt that wait at once: twice what a cage lets its agent open. */
const WAITING_LIMIT = 64;
/** What a frame holds beside the output. */
const FRAME_SLACK_BYTES = 4096;

/**
 * The calls of the caller's functions that one attempt waits for. They are kept here only: arguments and outputs are content, and the cage tells every new
 * controller again what it waits for.
 */
export class FunctionDesk {
  readonly #parts: Parts;
  readonly #waiting = new Map<string, FunctionCall>();
  /** Answers that are on their way. */
  readonly #answering = new Set<string>();
  readonly #over = new Set<string>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** `link_message_unknown` for more than a sound cage asks at once: what waits is held in memory. */
  async ask(message: Extract<FromCage, { type: 'function_call' }>): Promise<void> {
    const { callId: id, taskId: task, name, waitMs } = message;
    if (this.#waiting.has(id) || this.#over.has(id)) return;
    if (this.#waiting.size >= WAITING_LIMIT)
      throw new CodedError('link_message_unknown', { part: 'functions that wait' });
    const now = Date.now();
    const call = {
      id,
      task,
      name,
      arguments: message.arguments,
      askedAt: new Date(now).toISOString(),
      deadline: new Date(now + waitMs).toISOString(),
    };
    this.#waiting.set(id, call);
    this.#parts.onWaiting(true);
    await this.#parts.publish({ kind: 'function_call', call });
  }

  /** Nobody answered in time, or the agent has ended. */
  async over(callId: string): Promise<void> {
    await this.#end(callId, false);
  }

  /** Those that are not answered, oldest first. */
  waiting(): FunctionCall[] {
    return [...this.#waiting.values()].filter(({ id }) => !this.#answering.has(id));
  }

  /**
   * Resolves when the cage has taken the answer, once for each call: `function_call_answered` for a second one or one that came too late, `not_found`,
   * `request_too_large`, `link_closed` where the attempt ended meanwhile.
   */
  async answer(callId: string, { ok, output }: FunctionResult): Promise<void> {
    if (this.#over.has(callId) || this.#answering.has(callId))
      throw new CodedError('function_call_answered', { call: callId });
    if (!this.#waiting.has(callId)) throw new CodedError('not_found', { call: callId });
    const bytes = Buffer.byteLength(JSON.stringify(output));
    const limitBytes = FRAME_LIMIT - FRAME_SLACK_BYTES;
    if (bytes > limitBytes) throw new CodedError('request_too_large', { field: 'output', bytes, limitBytes });
    this.#answering.add(callId);
    try {
      await this.#parts.deliver({ type: 'function_result', callId, ok, output });
    } catch (error) {
      this.#answering.delete(callId);
      throw error;
    }
    // The cage had given it up before the answer reached it.
    if (this.#over.has(callId)) throw new CodedError('function_call_answered', { call: callId });
    // The cage has it: who answered waits for nothing more.
    this.#end(callId, ok).catch(() => undefined);
  }

  async #end(callId: string, ok: boolean): Promise<void> {
    this.#answering.delete(callId);
    if (this.#over.has(callId)) return;
    this.#over.add(callId);
    if (this.#waiting.delete(callId) && this.#waiting.size === 0) this.#parts.onWaiting(false);
    // Also of a call that was told to an earlier controller only.
    await this.#parts.publish({ kind: 'function_result', call: callId, ok });
  }
}
