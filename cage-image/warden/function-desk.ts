import { randomUUID } from 'node:crypto';
import type { FromCage, StartMessage, ToCage } from '#protocol/link-messages.ts';
import { OpenFunctions, type AgentsCall, type AgentsResult } from './open-functions.ts';

export interface FunctionDeskParts {
  readonly send: (message: FromCage) => void;
  readonly answer: (result: AgentsResult) => void;
}

/** Keeps the time of the agent's calls of its caller's functions, and carries them between the agent and the link. */
export class FunctionDesk {
  readonly #parts: FunctionDeskParts;
  readonly #open: OpenFunctions;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor({ taskId, epoch, input }: StartMessage, parts: FunctionDeskParts) {
    this.#parts = parts;
    this.#open = new OpenFunctions({
      taskId,
      epoch,
      names: new Set(input.functions.map(({ name }) => name)),
      waitMs: input.functionWaitMs,
      newId: randomUUID,
    });
  }

  call(call: AgentsCall): void {
    // What was still in the pipe of an agent that has ended.
    if (this.#closed) return;
    const next = this.#open.call(call, performance.now());
    if ('toAgent' in next) this.#parts.answer(next.toAgent);
    else this.#parts.send(next.toController);
    this.#watch();
  }

  result(message: Extract<ToCage, { type: 'function_result' }>): void {
    const result = this.#open.result(message);
    if (result !== undefined) this.#parts.answer(result);
    this.#watch();
  }

  /** A controller with a newer epoch has come. */
  askAgain(): void {
    for (const message of this.#open.askAgain(performance.now())) this.#parts.send(message);
  }

  /** The agent has ended. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const over of this.#open.end()) this.#parts.send(over);
  }

  #watch(): void {
    clearTimeout(this.#timer);
    const { dueMs } = this.#open;
    if (dueMs === undefined) return;
    this.#timer = setTimeout(() => this.#expire(), Math.max(0, Math.ceil(dueMs - performance.now())));
  }

  #expire(): void {
    for (const { toAgent, toController } of this.#open.expire(performance.now())) {
      this.#parts.answer(toAgent);
      this.#parts.send(toController);
    }
    this.#watch();
  }
}
