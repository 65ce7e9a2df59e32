import { CodedError, toCodedError } from '#errors/coded-error.ts';
import type { TaskView, UsageView } from '#protocol/api.ts';
import type { Vault } from '#vault/vault.ts';
import type { EventHub } from '../events/event-hub.ts';
import type { Limiter } from '../limiter/limiter.ts';
import type { Log } from '../log.ts';
import type { ClawRow } from '../store/claws-store.ts';
import type { Store } from '../store/store.ts';
import type { TaskRow } from '../store/tasks-store.ts';
import { taskView } from '../tasks/task-view.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { CageKeeper } from './cage-keeper.ts';
import { CallDesk } from './call-desk.ts';
import { capsOf } from './caps-of.ts';
import type { LiveCage } from './live-cage.ts';
import { TaskRun, type Outcome } from './task-run.ts';

interface Parts {
  readonly store: Store;
  readonly vault: Vault;
  readonly limiter: Limiter;
  readonly events: EventHub;
  readonly keeper: CageKeeper;
  readonly telemetry: Telemetry;
  readonly resultUnfetchedMs: number;
  readonly log: Log;
  /** A place became free for the Claw's next task. */
  readonly onFree: (organisation: string, claw: string) => void;
}

interface Subject {
  readonly task: TaskRow;
  readonly claw: Pick<ClawRow, 'id'>;
}

/** The attempts that this process listens to, and the way in which each task ends. */
export class Runs {
  readonly #parts: Parts;
  readonly #runs = new Map<string, TaskRun>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get(task: string): TaskRun | undefined {
    return this.#runs.get(task);
  }

  /** Listens to an attempt in its cage; `undefined` where it was cancelled meanwhile, and then the cage is ended. */
  async begin({
    task,
    claw,
    cage,
  }: {
    task: TaskRow;
    claw: ClawRow;
    cage: LiveCage;
  }): Promise<TaskRun | undefined> {
    const run = this.listen({ task, claw, cage, deadlineMs: task.timeoutMs });
    const now = await this.#parts.store.tasks.byId(task.organisation, task.id);
    if (now?.state === 'starting' && now.epoch === task.epoch && !now.cancelRequested) return run;
    await run.end({ state: 'cancelled', error: new CodedError('task_cancelled').toBody() });
    return undefined;
  }

  /** For an attempt that runs already (after an adoption) as for one that is about to. */
  listen({
    task,
    claw,
    cage,
    deadlineMs,
  }: {
    task: TaskRow;
    claw: ClawRow;
    cage: LiveCage;
    deadlineMs: number;
  }): TaskRun {
    const { store, limiter, telemetry, log, events } = this.#parts;
    const attempt = {
      organisation: task.organisation,
      task: task.id,
      epoch: task.epoch,
      claw: claw.id,
      key: claw.key,
    };
    const desk = new CallDesk({
      attempt,
      limiter,
      telemetry,
      log,
      ledger: store.ledger,
      caps: async () => capsOf((await store.claws.byId(task.organisation, claw.id)) ?? claw),
      onWaiting: (waiting) => void this.setWaiting(task, waiting ? 'permit' : null),
    });
    const run = new TaskRun({
      attempt,
      cage,
      desk,
      onStarted: () => this.#started(task),
      onEvent: (event) => events.publish(task.id, event),
      onEnded: (outcome) => this.#ended({ task, claw, cage }, outcome),
    });
    this.#runs.set(task.id, run);
    run.listen(deadlineMs);
    return run;
  }

  /** Forgets an attempt that did not come to its start; a later attempt of the task is left alone. */
  drop(task: string, epoch: number): void {
    const run = this.#runs.get(task);
    if (run?.attempt.epoch !== epoch) return;
    run.release();
    this.#runs.delete(task);
  }

  /** Writes the final state once, with its sealed answer, and tells the watchers; a task that has ended already is left as it is. */
  async finish({ task, claw }: Subject, outcome: Outcome): Promise<void> {
    const { store, vault, limiter, telemetry, log } = this.#parts;
    const sealedResult = outcome.answer === undefined ? undefined : await this.#seal(task, outcome.answer);
    const ended = await store.tasks.finish(task.organisation, task.id, task.epoch, outcome.state, {
      ...(outcome.error && { error: outcome.error }),
      ...(sealedResult && {
        sealedResult,
        resultExpiresAt: new Date(Date.now() + this.#parts.resultUnfetchedMs),
      }),
    });
    if (!ended) return;
    if (!sealedResult)
      await vault
        .shred(task.id)
        .catch((error: unknown) =>
          log.warn({ task: task.id, code: toCodedError(error).code }, 'not shredded yet'),
        );
    telemetry.taskEnded({ claw: claw.id, state: outcome.state });
    log.info(
      { task: task.id, epoch: task.epoch, state: outcome.state, code: outcome.error?.code },
      'task ended',
    );
    this.#parts.events.publish(task.id, {
      kind: 'ended',
      task: await this.#view(ended),
      usage: await this.#usage(ended),
    });
    await limiter.forget(task.organisation, task.id).catch(() => undefined);
    this.#parts.onFree(task.organisation, claw.id);
  }

  async setWaiting(task: TaskRow, reason: string | null): Promise<void> {
    try {
      await this.#parts.store.tasks.setWaiting(task.organisation, task.id, reason);
      await this.announce(task.organisation, task.id);
    } catch (error) {
      this.#parts.log.warn(
        { task: task.id, code: toCodedError(error).code },
        'the reason for waiting could not be written',
      );
    }
  }

  /** Tells the watchers the task's present state. */
  async announce(organisation: string, id: string): Promise<void> {
    const task = await this.#parts.store.tasks.byId(organisation, id);
    if (task) this.#parts.events.publish(id, { kind: 'state', task: await this.#view(task) });
  }

  /** Lets go of all: their cages run on. */
  release(): void {
    for (const run of this.#runs.values()) run.release();
    this.#runs.clear();
  }

  ofCage(cageId: string): TaskRun | undefined {
    return [...this.#runs.values()].find((run) => run.cage.cageId === cageId);
  }

  ofClaw(claw: string): TaskRun[] {
    return [...this.#runs.values()].filter((run) => run.attempt.claw === claw);
  }

  all(): TaskRun[] {
    return [...this.#runs.values()];
  }

  async #started(task: TaskRow): Promise<void> {
    const { store } = this.#parts;
    const changed = await store.tasks.transition(task.organisation, task.id, task.epoch, 'running', {
      startedAt: new Date(),
    });
    if (changed) await this.announce(task.organisation, task.id);
  }

  async #ended(subject: Subject & { cage: LiveCage }, outcome: Outcome): Promise<void> {
    const { task, cage } = subject;
    await this.finish(subject, outcome);
    this.drop(task.id, task.epoch);
    // Not awaited: the message that ended the task is acknowledged first.
    void this.#parts.keeper.end(task.organisation, cage.cageId);
  }

  #seal(task: TaskRow, answer: string): Promise<Buffer> {
    return this.#parts.vault.sealContent(
      { organisation: task.organisation, task: task.id, kind: 'result' },
      Buffer.from(answer),
    );
  }

  async #view(task: TaskRow): Promise<TaskView> {
    const claw = await this.#parts.store.claws.byId(task.organisation, task.claw);
    return taskView(task, claw?.name ?? task.claw);
  }

  async #usage(task: TaskRow): Promise<UsageView> {
    return this.#parts.store.ledger.ofTask(task.organisation, task.id);
  }
}
