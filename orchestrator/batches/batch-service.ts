import type { z } from 'zod';
import { CodedError, toCodedError } from '#errors/coded-error.ts';
import {
  LIMITS,
  type BatchReply,
  type BatchResult,
  type BatchView,
  type ResultReply,
  type batchList,
} from '#protocol/api.ts';
import { isFinal } from '#task/state.ts';
import type { Vault } from '#vault/vault.ts';
import { clawNamed } from '../claws/claw-named.ts';
import type { BatchRow } from '../store/batches-store.ts';
import type { ClawRow } from '../store/claws-store.ts';
import type { NewTask } from '../store/new-task.ts';
import type { Store } from '../store/store.ts';
import type { TaskRow } from '../store/task-row.ts';
import { checkTask, sealTask } from '../tasks/accept-task.ts';
import type { Admission, QueueBounds } from '../tasks/queue-bounds.ts';
import { shredUnused } from '../tasks/shred-unused.ts';
import { checkLines, parseLine } from './check-lines.ts';
import { inParallel } from './in-parallel.ts';
import { linesHash } from './lines-hash.ts';
import { readLines, type Line } from './read-lines.ts';

interface Parts {
  readonly store: Store;
  readonly vault: Vault;
  readonly bounds: QueueBounds;
  readonly tasks: {
    result(organisation: string, id: string): Promise<ResultReply>;
    stopTask(task: TaskRow, reason: 'cancelled'): Promise<void>;
  };
  /** Dispatches what waits for the Claw. */
  readonly poke: (organisation: string, claw: string) => Promise<void>;
}

/** Keys that are written to the disk at once, and ends that are written to the database. */
const AT_ONCE = 16;
const PAGE = 100;

/** Many tasks that come as one body, all or none, and are looked at together. */
export class BatchService {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * When this returns, every line's task is committed. `request_invalid` names the wrong lines, `request_too_large` the limit; then nothing is
   * created; nor with `queue_full`. With an Idempotency-Key the same body gives the same batch for 24 h, another body `idempotency_mismatch`.
   */
  async create(
    organisation: string,
    clawName: string,
    body: AsyncIterable<Uint8Array>,
    idempotencyKey: string | undefined,
  ): Promise<BatchReply> {
    const { store } = this.#parts;
    const claw = await clawNamed(store.claws, organisation, clawName);
    const lines = await readLines(body, { bytes: LIMITS.batchBytes, lines: LIMITS.batchTasks });
    const once =
      idempotencyKey === undefined ? {} : { idempotencyKey, idempotencyHash: await linesHash(lines) };
    const earlier = await store.batches.ofKey({ organisation, claw: claw.id, ...once });
    if (earlier) return this.#reply(earlier);
    const now = new Date();
    await checkLines(lines, (line) => void checkTask(line, claw, now));
    await store.assertRoom();
    const admission = await this.#parts.bounds.assertRoom(claw, lines.length);
    const id = store.batches.newId();
    const batch = { id, organisation, claw: claw.id, ...once };
    const row = await this.#insert(batch, claw, lines, { now, admission }).catch((error: unknown) => {
      throw admission.refused(error);
    });
    await this.#parts.poke(organisation, claw.id);
    return this.#reply(row);
  }

  /** Newest first. */
  async list(
    organisation: string,
    { claw: name, limit, cursor }: z.output<typeof batchList>,
  ): Promise<{ items: BatchView[]; nextCursor: string | null }> {
    const { store } = this.#parts;
    const claw = name === undefined ? undefined : await clawNamed(store.claws, organisation, name);
    const { items, nextCursor } = await store.batches.list(organisation, {
      limit,
      ...(claw && { claw: claw.id }),
      ...(cursor !== undefined && { cursor }),
    });
    return { items: await this.#views(organisation, items), nextCursor };
  }

  async get(organisation: string, id: string): Promise<BatchReply> {
    return this.#reply(await this.#batch(organisation, id));
  }

  /** Ends all of its tasks that have not ended: those that wait first, so that none of them takes the place of one that is ended. */
  async cancel(organisation: string, id: string): Promise<BatchReply> {
    const { store, tasks } = this.#parts;
    const batch = await this.#batch(organisation, id);
    const open = await store.batches.requestCancel(organisation, id);
    const waiting = open.filter(({ state }) => state === 'queued');
    const begun = open.filter(({ state }) => state !== 'queued');
    for (const some of [waiting, begun])
      await inParallel(some, AT_ONCE, (task) => tasks.stopTask(task, 'cancelled'));
    return this.#reply(batch);
  }

  /** One by one, in the tasks' order, those that have ended. Each answer is opened when its turn comes. `not_found` before the first. */
  async results(organisation: string, id: string): Promise<AsyncIterable<BatchResult>> {
    await this.#batch(organisation, id);
    return this.#results(organisation, id);
  }

  async *#results(organisation: string, id: string): AsyncGenerator<BatchResult> {
    let after: string | undefined;
    for (;;) {
      const page = await this.#parts.store.batches.tasks(organisation, id, after, PAGE);
      for (const task of page) if (isFinal(task.state)) yield await this.#result(task);
      after = page.at(-1)?.id;
      if (after === undefined) return;
    }
  }

  async #result(task: TaskRow): Promise<BatchResult> {
    const about = { task: task.id, ref: task.ref, state: task.state };
    try {
      const { answer, task: view } = await this.#parts.tasks.result(task.organisation, task.id);
      return { ...about, answer, ...(view.error && { error: view.error }) };
    } catch (error) {
      return { ...about, answer: null, error: toCodedError(error).toBody() as BatchResult['error'] & {} };
    }
  }

  async #insert(
    batch: { id: string; organisation: string; claw: string },
    claw: ClawRow,
    lines: readonly Line[],
    { now, admission }: { now: Date; admission: Admission },
  ): Promise<BatchRow> {
    const { store, vault } = this.#parts;
    // Ids are made before the work is spread, so that they have the order of the lines.
    const ids = lines.map(() => store.tasks.newId());
    let created = false;
    try {
      const rows = await inParallel(lines, AT_ONCE, async (line, index): Promise<NewTask> => {
        const parsed = parseLine(line);
        const of = { id: ids[index]!, organisation: batch.organisation, claw: batch.claw };
        const task = await sealTask(vault, of, checkTask(parsed, claw, now));
        return { ...task, batch: batch.id, ref: parsed.ref ?? null };
      });
      const result = await store.batches.create(batch, rows, admission.most);
      created = result.created;
      if (created) admission.accepted();
      return result.batch;
    } finally {
      if (!created) await shredUnused(store.tasks, vault, ids);
    }
  }

  async #reply(batch: BatchRow): Promise<BatchReply> {
    const [view] = await this.#views(batch.organisation, [batch]);
    return { batch: view!, usage: await this.#parts.store.ledger.ofBatch(batch.organisation, batch.id) };
  }

  async #views(organisation: string, batches: readonly BatchRow[]): Promise<BatchView[]> {
    const { store } = this.#parts;
    const states = await store.batches.states(
      organisation,
      batches.map(({ id }) => id),
    );
    const names = new Map<string, string>();
    for (const { claw } of batches)
      if (!names.has(claw)) names.set(claw, (await store.claws.byId(organisation, claw))?.name ?? claw);
    return batches.map((batch) => {
      const own = states.get(batch.id) ?? {};
      const ended = Object.entries(own).reduce(
        (sum, [state, count]) => sum + (isFinal(state as never) ? count : 0),
        0,
      );
      return {
        id: batch.id,
        claw: names.get(batch.claw)!,
        total: batch.total,
        states: own,
        done: ended === batch.total,
        createdAt: batch.createdAt.toISOString(),
      };
    });
  }

  async #batch(organisation: string, id: string): Promise<BatchRow> {
    const batch = await this.#parts.store.batches.byId(organisation, id);
    if (!batch) throw new CodedError('not_found', { batch: id });
    return batch;
  }
}
