import { CodedError } from '#errors/coded-error.ts';
import { isFinal, type TaskState } from '#task/state.ts';
import type { FunctionCall, FunctionResult } from '#protocol/api.ts';
import type { Runs } from '../launch/runs.ts';
import type { TasksStore } from '../store/tasks-store.ts';

interface Parts {
  readonly tasks: TasksStore;
  readonly runs: Runs;
}

/** The calls of a caller's functions, as the API knows them. */
export class FunctionService {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Those that wait for their answer, oldest first. `not_found`. */
  async calls(organisation: string, task: string): Promise<FunctionCall[]> {
    await this.#stateOf(organisation, task);
    return this.#parts.runs.get(task)?.functions.waiting() ?? [];
  }

  /**
   * Resolves when the cage has the answer. Only the first for a call is taken: `function_call_answered` for a second one or where the call no longer waits;
   * `not_found`, `request_too_large`; `link_closed` where the attempt ended meanwhile, or is not taken over yet after a restart.
   */
  async answer(organisation: string, task: string, call: string, result: FunctionResult): Promise<void> {
    const state = await this.#stateOf(organisation, task);
    const run = this.#parts.runs.get(task);
    if (run) return run.functions.answer(call, result);
    if (isFinal(state)) throw new CodedError('function_call_answered', { call });
    if (state === 'running') throw new CodedError('link_closed', { task, call });
    throw new CodedError('not_found', { task, call });
  }

  async #stateOf(organisation: string, id: string): Promise<TaskState> {
    const task = await this.#parts.tasks.byId(organisation, id);
    if (!task) throw new CodedError('not_found', { task: id });
    return task.state;
  }
}
