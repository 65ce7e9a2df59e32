import type { FromCage, ToCage } from '#protocol/link-messages.ts';

type FunctionCallMessage = Extract<FromCage, { type: 'function_call' }>;
type FunctionCallOver = Extract<FromCage, { type: 'function_call_over' }>;

/** What an agent writes to descriptor 3, and what it reads from descriptor 4. */
export interface AgentsCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}
export interface AgentsResult {
  readonly kind: 'function_result';
  readonly id: string;
  readonly ok: boolean;
  readonly output: string;
}

export interface FunctionTask {
  readonly taskId: string;
  readonly epoch: number;
  readonly names: ReadonlySet<string>;
  /** How long a call waits for its result. */
  readonly waitMs: number;
  readonly newId: () => string;
}

/** `argumentsBytes` as they go over the link: a JSON string. */
export const FUNCTION_LIMITS = { open: 32, argumentsBytes: 512 * 1024 } as const;
const NOT_IN_TIME = 'Nobody answered in time.';
/** More than can have been on the way to a controller that never acknowledged them. */
const REMEMBERED = 64;

interface OpenFunction {
  readonly agentsId: string;
  readonly message: FunctionCallMessage;
  readonly dueMs: number;
}

/**
 * The agent's calls of its caller's functions that wait for a result. Each gets exactly one: the first that comes from any controller, or `ok: false` where
 * nobody answered in time or the call is not one that can be made. Over the link a call has an id of our own, so that an agent that repeats its ids confuses only itself.
 * Times are of one monotonic clock.
 */
export class OpenFunctions {
  readonly #task: FunctionTask;
  readonly #open = new Map<string, OpenFunction>();
  #answered: string[] = [];

  constructor(task: FunctionTask) {
    this.#task = task;
  }

  /** A call of the agent's: to be sent to the controller, or refused at once. */
  call(call: AgentsCall, nowMs: number): { toController: FromCage } | { toAgent: AgentsResult } {
    const refused = this.#refusal(call);
    if (refused !== undefined) return { toAgent: resultOf(call.id, false, refused) };
    const { taskId, epoch, waitMs, newId } = this.#task;
    const callId = newId();
    const message: FunctionCallMessage = {
      type: 'function_call',
      taskId,
      epoch,
      callId,
      name: call.name,
      arguments: call.arguments,
      waitMs,
    };
    this.#open.set(callId, { agentsId: call.id, message, dueMs: nowMs + waitMs });
    return { toController: message };
  }

  /** What the agent gets of a result; nothing where the call has one already. */
  result({ callId, ok, output }: Extract<ToCage, { type: 'function_result' }>): AgentsResult | undefined {
    const open = this.#close(callId);
    return open && resultOf(open.agentsId, ok, output);
  }

  /** When `expire` has something to do; undefined while nothing waits. */
  get dueMs(): number | undefined {
    const all = [...this.#open.values()].map((open) => open.dueMs);
    return all.length === 0 ? undefined : Math.min(...all);
  }

  /** The calls whose time is over. */
  expire(nowMs: number): { toAgent: AgentsResult; toController: FunctionCallOver }[] {
    const late = [...this.#open].filter(([, open]) => open.dueMs <= nowMs);
    return late.map(([callId, open]) => {
      this.#close(callId);
      return { toAgent: resultOf(open.agentsId, false, NOT_IN_TIME), toController: this.#over(callId) };
    });
  }

  /**
   * A controller with a newer epoch has come: what still waits is asked again. It may also be told of calls that the one before never acknowledged though it answered
   * them; those are over.
   */
  askAgain(nowMs: number): FromCage[] {
    const over = this.#answered.map((callId) => this.#over(callId));
    const again = [...this.#open.values()].map(({ message, dueMs }) => ({
      ...message,
      waitMs: Math.max(0, Math.round(dueMs - nowMs)),
    }));
    return [...over, ...again];
  }

  /** The agent has ended: nothing waits any more. */
  end(): FunctionCallOver[] {
    const over = [...this.#open.keys()].map((callId) => this.#over(callId));
    this.#open.clear();
    return over;
  }

  #refusal(call: AgentsCall): string | undefined {
    if (!this.#task.names.has(call.name)) return 'The task has no function of that name.';
    if (this.#open.size >= FUNCTION_LIMITS.open)
      return `No more than ${FUNCTION_LIMITS.open} calls may wait at once.`;
    if (Buffer.byteLength(JSON.stringify(call.arguments)) > FUNCTION_LIMITS.argumentsBytes)
      return `The arguments are longer than ${FUNCTION_LIMITS.argumentsBytes} bytes.`;
    return undefined;
  }

  #close(callId: string): OpenFunction | undefined {
    const open = this.#open.get(callId);
    if (open === undefined) return undefined;
    this.#open.delete(callId);
    this.#answered = [...this.#answered.slice(1 - REMEMBERED), callId];
    return open;
  }

  #over(callId: string): FunctionCallOver {
    return { type: 'function_call_over', taskId: this.#task.taskId, callId };
  }
}

const resultOf = (id: string, ok: boolean, output: string): AgentsResult => ({
  kind: 'function_result',
  id,
  ok,
  output,
});
