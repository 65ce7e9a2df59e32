import type { z } from 'zod';
import { CodedError, toCodedError } from '#errors/coded-error.ts';
import type { ResultReply, TaskReply, TaskView, taskList } from '#protocol/api.ts';
import type { TaskEvent } from '#protocol/live.ts';
import type { Principal } from '#access/decide.ts';
import { assertAllowed } from '#access/decide.ts';
import { isFinal } from '#task/state.ts';
import { untilDueMs } from '#task/due.ts';
import type { Vault } from '#vault/vault.ts';
import { joinWords, type Words } from '../launch/error-words.ts';
import { clawNamed } from '../claws/claw-named.ts';
import type { Log } from '../log.ts';
import type { DispatchQueue } from '../queue/dispatch-queue.ts';
import { clocks } from '../steady-clock.ts';
import type { Store } from '../store/store.ts';
import type { TaskRow } from '../store/tasks-store.ts';
import { checkTask, sealTask, type TaskContent } from './accept-task.ts';
import { contentHash } from './content-hash.ts';
import type { FileService } from './file-service.ts';
import type { QueueBounds } from './queue-bounds.ts';
import { shredUnused } from './shred-unused.ts';
import type { TaskStops } from './task-stops.ts';
import { taskView } from './task-view.ts';

interface Parts {
  readonly store: Store;
  readonly vault: Vault;
  readonly queue: DispatchQueue;
  readonly stops: Pick<TaskStops, 'stop'>;
  readonly bounds: QueueBounds;
  readonly files: FileService;
  readonly resultFetchedMs: number;
  readonly log: Log;
}

/** So many wait with a job of their own beside those that could run at once. */
const DISPATCHED_AHEAD = 20;

/** Tasks as the API knows them: accepted, looked at, fetched, cancelled. */
export class TaskService {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Accepts a task: when this returns, its row and its sealed input are committed. With an Idempotency-Key the same body gives the same task
   * for 24 h, another body `idempotency_mismatch`. Throws as `checkTask`, and `queue_full`.
   */
  async create(
    organisation: string,
    clawName: string,
    content: TaskContent,
    idempotencyKey: string | undefined,
  ): Promise<TaskReply> {
    const { store, vault, bounds } = this.#parts;
    const claw = await clawNamed(this.#parts.store.claws, organisation, clawName);
    const once =
      idempotencyKey === undefined ? {} : { idempotencyKey, idempotencyHash: contentHash(content) };
    // Before the checks: a deadline that was right the first time may be over.
    const earlier = await store.tasks.ofKey({ claw: claw.id, ...once });
    if (earlier) return this.#reply(earlier, claw.name);
    const checked = checkTask(content, claw, new Date());
    await store.assertRoom();
    const admission = await bounds.assertRoom(claw, 1);
    const id = store.tasks.newId();
    const row = await sealTask(vault, { id, organisation, claw: claw.id }, checked);
    let created = false;
    try {
      const result = await store.tasks.create({ ...row, ...once }, admission.most);
      created = result.created;
      if (created) admission.accepted();
      // Behind many others it is dispatched when its turn comes: a job for each would have every one of them looked at now, and again when its time comes.
      if (created && admission.ahead < claw.concurrency + DISPATCHED_AHEAD) await this.dispatch(result.task);
      return await this.#reply(result.task, claw.name);
    } catch (error) {
      throw admission.refused(error);
    } finally {
      if (!created) await shredUnused(store.tasks, vault, [id]);
    }
  }

  async list(
    organisation: string,
    query: z.output<typeof taskList>,
  ): Promise<{ items: TaskView[]; nextCursor: string | null }> {
    const { store } = this.#parts;
    const claw =
      query.claw === undefined
        ? undefined
        : await clawNamed(this.#parts.store.claws, organisation, query.claw);
    const { items, nextCursor } = await store.tasks.list(organisation, {
      limit: query.limit,
      ...(claw && { claw: claw.id }),
      ...(query.state && { state: query.state }),
      ...(query.batch !== undefined && { batch: query.batch }),
      ...(query.cursor !== undefined && { cursor: query.cursor }),
    });
    const names = await this.#names(organisation);
    return { items: items.map((task) => taskView(task, names(task.claw))), nextCursor };
  }

  async get(organisation: string, id: string): Promise<TaskReply> {
    return this.#reply(await this.#task(organisation, id));
  }

  /** `answer` null while the task runs or where it did not succeed; `result_gone` when its time is over. Fetching shortens that time. */
  async result(organisation: string, id: string): Promise<ResultReply> {
    const { store, vault, files, resultFetchedMs } = this.#parts;
    const task = await this.#task(organisation, id);
    const reply = await this.#reply(task);
    if (task.state !== 'succeeded') return { ...reply, answer: null, files: [] };
    const record = await store.tasks.sealedResult(organisation, id);
    if (!record) throw new CodedError('result_gone');
    using answer = await vault.openContent({ organisation, task: id, kind: 'result' }, record);
    const left = await files.ofTask(task);
    await store.tasks.markFetched(organisation, id, new Date(Date.now() + resultFetchedMs));
    return { ...reply, answer: answer.expose().toString('utf8'), files: left };
  }

  /** Ends a task in whatever state, within its Claw's `cancelGraceMs` and a second; `task_final` where it has ended. */
  async cancel(organisation: string, id: string): Promise<TaskReply> {
    const { store } = this.#parts;
    const task = await this.#task(organisation, id);
    if (isFinal(task.state)) throw new CodedError('task_final', { state: task.state });
    await this.stopTask(task, 'cancelled');
    return this.#reply((await store.tasks.byId(organisation, id)) ?? task);
  }

  /** See TaskStops. */
  async stopTask(task: TaskRow, reason: 'cancelled', details?: Record<string, unknown>): Promise<void> {
    await this.#parts.stops.stop(task, reason, details);
  }

  /** For a watcher: that it may watch; and the last word of a task that has ended. */
  async assertReadable(principal: Principal, id: string): Promise<TaskEvent | undefined> {
    assertAllowed(principal, 'tasks.read', principal.organisation);
    const task = await this.#task(principal.organisation, id);
    if (!isFinal(task.state)) return undefined;
    return { kind: 'ended', ...(await this.#reply(task)) };
  }

  /** Where its time has come, or when it will have. The row is the truth: where the queue cannot be reached now, the reconciler dispatches later. */
  async dispatch(task: TaskRow): Promise<void> {
    const { queue, log } = this.#parts;
    try {
      const { organisation, id, epoch, priority } = task;
      await queue.add({ organisation, task: id, epoch, priority }, untilDueMs(task, clocks()));
    } catch (error) {
      log.warn({ task: task.id, code: toCodedError(error).code }, 'not dispatched yet');
    }
  }

  async #reply(task: TaskRow, clawName?: string): Promise<TaskReply> {
    const { store } = this.#parts;
    const name = clawName ?? (await store.claws.byId(task.organisation, task.claw))?.name ?? task.claw;
    const view = taskView(await this.#inFull(task), name);
    return { task: view, usage: await store.ledger.ofTask(task.organisation, task.id) };
  }

  /** A failure with the words that the cage had for it, as long as they are kept. */
  async #inFull(task: TaskRow): Promise<TaskRow> {
    const { store, vault } = this.#parts;
    if (task.state === 'succeeded' || !task.error || task.resultExpiresAt === null) return task;
    const { organisation, id } = task;
    const record = await store.tasks.sealedResult(organisation, id);
    if (!record) return task;
    try {
      using words = await vault.openContent({ organisation, task: id, kind: 'result' }, record);
      return { ...task, error: joinWords(task.error, JSON.parse(words.expose().toString('utf8')) as Words) };
    } catch (error) {
      // Their time was over between the two.
      if (toCodedError(error).code === 'vault_shredded') return task;
      throw error;
    }
  }

  async #task(organisation: string, id: string): Promise<TaskRow> {
    const task = await this.#parts.store.tasks.byId(organisation, id);
    if (!task) throw new CodedError('not_found', { task: id });
    return task;
  }

  async #names(organisation: string): Promise<(claw: string) => string> {
    const names = new Map(
      (await this.#parts.store.claws.list(organisation)).map((claw) => [claw.id, claw.name]),
    );
    return (claw) => names.get(claw) ?? claw;
  }
}
