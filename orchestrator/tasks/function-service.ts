import { CodedError } from '#errors/coded-error.ts';
import { isFinal } from '#task/state.ts';
import { functionCall, functionResult, type FunctionCall, type FunctionResult } from '#protocol/api.ts';
import type { Vault } from '#vault/vault.ts';
import type { Runs } from '../launch/runs.ts';
import type { PeerQuestion, Peers } from '../peers/messages.ts';
import type { TaskRow, TasksStore } from '../store/tasks-store.ts';

interface Parts {
  readonly tasks: Pick<TasksStore, 'byId'>;
  readonly runs: Pick<Runs, 'get'>;
  readonly vault: Pick<Vault, 'sealContent' | 'openContent'>;
  readonly peers: Pick<Peers, 'ask'>;
  /** Under which this process holds attempts now. */
  readonly self: () => string;
}

/** The calls of a caller's functions, as the API knows them: of whichever orchestrator has the attempt. */
export class FunctionService {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Those that wait for their answer, oldest first; of a task that has ended none. `not_found`; `peer_silent` where who has the attempt does not answer. */
  async calls(organisation: string, id: string): Promise<FunctionCall[]> {
    const task = await this.#task(organisation, id);
    const run = this.#parts.runs.get(id);
    if (run) return run.functions.waiting();
    const other = this.#otherHolderOf(task);
    if (other === undefined) return [];
    const { peers, vault } = this.#parts;
    const sealed = await peers.ask(other, { kind: 'function_calls', organisation, task: id });
    if (sealed === undefined) return [];
    const record = Buffer.from(sealed, 'base64');
    using calls = await vault.openContent({ organisation, task: id, kind: 'function_calls' }, record);
    return functionCall.array().parse(JSON.parse(calls.expose().toString('utf8')));
  }

  /**
   * Resolves when the cage has the answer. Only the first for a call is taken: `function_call_answered` for a second one or where the call no longer waits;
   * `not_found`, `request_too_large`; `link_closed` where the attempt ended meanwhile, or is not taken over yet after a restart; `peer_silent`, where it may have been taken.
   */
  async answer(organisation: string, id: string, call: string, result: FunctionResult): Promise<void> {
    const task = await this.#task(organisation, id);
    const run = this.#parts.runs.get(id);
    if (run) return run.functions.answer(call, result);
    if (isFinal(task.state)) throw new CodedError('function_call_answered', { call });
    const other = this.#otherHolderOf(task);
    if (other !== undefined) return this.#passOn(other, task, call, result);
    if (task.state === 'running') throw new CodedError('link_closed', { task: id, call });
    throw new CodedError('not_found', { task: id, call });
  }

  /** What another orchestrator asks, which got it from a caller. */
  async answerPeer(question: PeerQuestion): Promise<string | undefined> {
    const { vault, runs } = this.#parts;
    const { organisation, task } = question;
    const run = runs.get(task);
    if (run?.attempt.organisation !== organisation) throw new CodedError('link_closed', { task });
    if (question.kind === 'function_calls') {
      const calls = Buffer.from(JSON.stringify(run.functions.waiting()));
      const sealed = await vault.sealContent({ organisation, task, kind: 'function_calls' }, calls);
      return sealed.toString('base64');
    }
    const { callId: call } = question;
    const record = Buffer.from(question.sealed, 'base64');
    using result = await vault.openContent({ organisation, task, kind: 'function_result', call }, record);
    await run.functions.answer(call, functionResult.parse(JSON.parse(result.expose().toString('utf8'))));
    return undefined;
  }

  async #passOn(holder: string, task: TaskRow, call: string, result: FunctionResult): Promise<void> {
    const { peers, vault } = this.#parts;
    const { organisation, id } = task;
    const sealed = await vault.sealContent(
      { organisation, task: id, kind: 'function_result', call },
      Buffer.from(JSON.stringify(result)),
    );
    await peers.ask(holder, {
      kind: 'function_result',
      organisation,
      task: id,
      callId: call,
      sealed: sealed.toString('base64'),
    });
  }

  /** Undefined also where this process has it by its name, and no run: nobody listens to it yet. The row of a task that has ended names who had it last. */
  #otherHolderOf({ holder, state }: TaskRow): string | undefined {
    const isHeld = holder !== null && state !== 'queued' && !isFinal(state);
    return isHeld && holder !== this.#parts.self() ? holder : undefined;
  }

  async #task(organisation: string, id: string): Promise<TaskRow> {
    const task = await this.#parts.tasks.byId(organisation, id);
    if (!task) throw new CodedError('not_found', { task: id });
    return task;
  }
}
