import { CodedError, toCodedError, type ErrorBody } from '#errors/coded-error.ts';
import type { TaskView, UsageView } from '#protocol/api.ts';
import type { TaskEvent } from '#protocol/live.ts';
import type { Vault } from '#vault/vault.ts';
import type { EventHub } from '../events/event-hub.ts';
import { afterAttempt } from '../events/fence.ts';
import { ofCage, type By } from '../events/unwritten.ts';
import { fenceOf } from '#task/fence.ts';
import type { LedgerEntry } from '../store/ledger-store.ts';
import type { Limiter } from '../limiter/limiter.ts';
import type { Log } from '../log.ts';
import type { ClawRow } from '../store/claws-store.ts';
import type { Store } from '../store/store.ts';
import type { TaskRow } from '../store/tasks-store.ts';
import { taskView } from '../tasks/task-view.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { CageKeeper } from './cage-keeper.ts';
import { CallDesk } from './call-desk.ts';
import { splitWords } from './error-words.ts';
import { LaterWrites } from './later-writes.ts';
import { FileDesk } from './file-desk.ts';
import { FunctionDesk } from './function-desk.ts';
import type { KeptCages } from './kept-cages.ts';
import type { LiveCage } from './live-cage.ts';
import type { Again, Reached, Retries } from './retries.ts';
import { Standings } from './standings.ts';
import { TaskRun, type Outcome } from './task-run.ts';
import { WaitingReasons } from './waiting-reasons.ts';

interface Parts {
  readonly store: Store;
  readonly vault: Vault;
  readonly limiter: Limiter;
  readonly events: EventHub;
  readonly keeper: CageKeeper;
  readonly kept: KeptCages;
  readonly retries: Retries;
  readonly telemetry: Telemetry;
  readonly resultUnfetchedMs: number;
  readonly log: Log;
  /** A task's final state is written. */
  readonly onFinal: (task: TaskRow) => void;
  /** A place became free for the Claw's next task. */
  readonly onFree: (organisation: string, claw: string) => void;
}

/** A deadline is met by the cage's own clock, which may be that much early. */
const DEADLINE_SLACK_MS = 1000;

interface Subject {
  readonly task: TaskRow;
  readonly claw: Pick<ClawRow, 'id'>;
}

/** The attempts that this process listens to, and the way in which each task ends. */
export class Runs {
  readonly #parts: Parts;
  readonly #runs = new Map<string, TaskRun>();
  readonly #later: LaterWrites;
  readonly #standings: Standings;
  /** A call does not wait for a database that is away. */
  readonly #ledger = {
    record: (entry: LedgerEntry, at = new Date()) =>
      this.#later.write(() => this.#parts.store.ledger.record(entry, at)),
  };

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#later = new LaterWrites({ log: parts.log });
    this.#standings = new Standings(parts.store);
  }

  get(task: string): TaskRun | undefined {
    return this.#runs.get(task);
  }

  /** Listens to an attempt in its cage; `undefined` where it was cancelled meanwhile, and then the cage is ended. */
  async begin({
    task,
    claw,
    cage,
    deadlineMs,
  }: {
    task: TaskRow;
    claw: ClawRow;
    cage: LiveCage;
    deadlineMs: number;
  }): Promise<TaskRun | undefined> {
    const run = this.listen({ task, claw, cage, deadlineMs });
    const now = await this.#parts.store.tasks.byId(task.organisation, task.id);
    if (now && !isStillOf(now, task)) {
      this.drop(task.id, task.epoch);
      throw new CodedError('lease_lost');
    }
    if (now?.state === 'starting' && !now.cancelRequested) return run;
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
    const { store, vault, limiter, telemetry, log, events } = this.#parts;
    const { organisation, id, epoch } = task;
    const fence = fenceOf(epoch, cage.epoch);
    const say = (event: TaskEvent, once: By['once']): Promise<void> =>
      events.publish({ organisation, task: id }, event, { fence, ...(once && { once }) });
    const endsAt = performance.now() + deadlineMs;
    const attempt = { organisation, task: id, epoch, fence, claw: claw.id, key: claw.key, endsAt };
    const reasons = new WaitingReasons((reason) => this.setWaiting(task, reason));
    const run = new TaskRun({
      attempt,
      cage,
      reasons,
      cancelGraceMs: claw.cancelGraceMs,
      desk: new CallDesk({
        attempt,
        limiter,
        telemetry,
        log,
        ledger: this.#ledger,
        clock: cage.clock,
        standing: this.#standings.of(claw),
        onWaiting: (reason) => reasons.set('permit', reason),
      }),
      functions: new FunctionDesk({
        deliver: (message) => cage.deliver(message),
        publish: (event) => say(event, { field: `${event.kind} ${callOf(event)}` }),
        onWaiting: (waiting) => reasons.set('function', waiting ? "a function's result" : null),
      }),
      files: new FileDesk({ attempt, vault, files: store.taskFiles }),
      onStarted: () => this.#started(task),
      onEvent: (event, number) => say(event, ofCage(epoch, number)),
      onActed: () => this.#later.write(() => store.tasks.markActed(task)),
      onEnded: (outcome, reported) => this.#ended({ task, claw, cage }, outcome, reported),
    });
    this.#runs.set(id, run);
    run.listen(deadlineMs);
    return run;
  }

  /** Forgets an attempt that did not come to its start; a later attempt of the task is left alone. */
  drop(task: string, epoch: number): void {
    const run = this.#runs.get(task);
    if (run?.attempt.epoch !== epoch) return;
    run.release();
    this.#parts.limiter.letGo(run.attempt);
    this.#runs.delete(task);
  }

  /**
   * An attempt that nobody listens to has failed: by the Claw's policy the task goes back to the queue, or has failed. Where an agent may have had it every cage of it is surely
   * gone before; one that had none the reaper ends as well, and an engine that is away does not keep the task from waiting in the queue. Throws `runtime_unavailable` where a cage cannot be ended now.
   */
  async fail(subject: Subject, error: CodedError, reached: Reached): Promise<void> {
    const { task, claw } = subject;
    const { retries } = this.#parts;
    await this.#later.flush();
    const again = await retries.next(task, error.toBody(), reached);
    // An end is written first: who came after a crash between the two would not see any more that the attempt may have acted (test/unit/model).
    if (!again) await this.finish(subject, { state: 'failed', error: error.toBody() });
    for (const cage of await this.#parts.store.cages.ofTask(task.organisation, task.id)) {
      const gone = await this.#parts.keeper.end(task.organisation, cage.id);
      if (!gone && again && reached.handedOver)
        throw new CodedError('runtime_unavailable', { cage: cage.id });
    }
    if (again) await this.#goBack(subject, error.toBody(), again);
    this.#parts.onFree(task.organisation, claw.id);
  }

  /** Another has the cage: its attempt goes on there. */
  letGo(cageId: string): void {
    const run = this.ofCage(cageId);
    if (run) this.drop(run.attempt.task, run.attempt.epoch);
  }

  /** Ends a task that waits; its place in the queue is free. */
  async endQueued(
    task: TaskRow,
    state: 'cancelled' | 'timed_out',
    details?: Record<string, unknown>,
  ): Promise<void> {
    const error = new CodedError(state === 'cancelled' ? 'task_cancelled' : 'task_timed_out', details);
    await this.finish({ task, claw: { id: task.claw } }, { state, error: error.toBody() });
    this.#parts.onFree(task.organisation, task.claw);
  }

  /**
   * Writes the final state once, with its sealed answer, and tells the watchers; a task that has ended already is left as it is. `lease_lost` where another has the attempt: what the
   * cage said of its end must not be acknowledged then.
   */
  async finish({ task, claw }: Subject, given: Outcome): Promise<void> {
    const { store, limiter, telemetry, log } = this.#parts;
    const outcome = await this.#orCancelled(task, given);
    const { error, content } = keptOf(outcome);
    const sealedResult = content === undefined ? undefined : await this.#seal(task, content);
    const ended = await store.tasks.finish(task, outcome.state, {
      ...(error && { error }),
      ...(sealedResult && {
        sealedResult,
        resultExpiresAt: new Date(Date.now() + this.#parts.resultUnfetchedMs),
      }),
    });
    if (!ended) return this.#mustHold(task);
    await this.#forgetContent(task, sealedResult !== undefined).catch((error: unknown) =>
      log.warn({ task: task.id, code: toCodedError(error).code }, 'not shredded yet'),
    );
    telemetry.taskEnded({ claw: claw.id, state: outcome.state });
    log.info(
      { task: task.id, epoch: task.epoch, state: outcome.state, code: outcome.error?.code },
      'task ended',
    );
    this.#say(ended, afterAttempt(ended.epoch), {
      kind: 'ended',
      task: { ...(await this.#view(ended)), ...(outcome.error && { error: outcome.error }) },
      usage: await this.#usage(ended),
    });
    await limiter.forget(task.organisation, task.id).catch(() => undefined);
    this.#parts.onFinal(ended);
  }

  /** What fails while it is to be cancelled, often because it is, was cancelled. */
  async #orCancelled({ organisation, id }: TaskRow, outcome: Outcome): Promise<Outcome> {
    if (outcome.state !== 'failed') return outcome;
    const now = await this.#parts.store.tasks.byId(organisation, id);
    return now?.cancelRequested
      ? { state: 'cancelled', error: new CodedError('task_cancelled').toBody() }
      : outcome;
  }

  async setWaiting(task: TaskRow, reason: string | null): Promise<void> {
    try {
      await this.#parts.store.tasks.setWaiting(task, reason);
      await this.announce(task.organisation, task.id);
    } catch (error) {
      this.#parts.log.warn(
        { task: task.id, code: toCodedError(error).code },
        'the reason for waiting could not be written',
      );
    }
  }

  /** Tells the watchers the task's present state; its end is told by whoever wrote it. */
  async announce(organisation: string, id: string): Promise<void> {
    const task = await this.#parts.store.tasks.byId(organisation, id);
    if (task?.endedAt !== null) return;
    const attempt = this.#runs.get(id)?.attempt;
    const ours = attempt?.epoch === task.epoch ? attempt.fence : fenceOf(task.epoch, 0);
    const fence = task.state === 'queued' ? afterAttempt(task.epoch) : ours;
    this.#say(task, fence, { kind: 'state', task: await this.#view(task) });
  }

  /** Nothing waits for it; what another has taken over is told by that one. */
  #say({ organisation, id }: TaskRow, fence: number, event: TaskEvent): void {
    this.#parts.events.publish({ organisation, task: id }, event, { fence }).catch(() => undefined);
  }

  /** At the end of the process: what the database has not taken yet. */
  lastWrites(): Promise<void> {
    return this.#later.close();
  }

  /** Lets go of all: their cages run on. */
  release(): void {
    for (const run of this.#runs.values()) run.release();
    this.#runs.clear();
  }

  ofCage(cageId: string): TaskRun | undefined {
    return [...this.#runs.values()].find((run) => run.cage.cageId === cageId);
  }

  all(): TaskRun[] {
    return [...this.#runs.values()];
  }

  /** `lease_lost` where the attempt goes on under another holder. */
  async #mustHold(task: TaskRow): Promise<void> {
    const now = await this.#parts.store.tasks.byId(task.organisation, task.id);
    if (now && now.endedAt === null && now.epoch === task.epoch && now.holder !== task.holder)
      throw new CodedError('lease_lost');
  }

  /** Its calls do not wait until the database has it: they come behind this message. */
  async #started(task: TaskRow): Promise<void> {
    const startedAt = new Date();
    let changed = false;
    await this.#later.write(async () => {
      changed ||= (await this.#parts.store.tasks.transition(task, 'running', { startedAt })) !== undefined;
      if (changed) await this.announce(task.organisation, task.id);
    });
  }

  async #ended(
    subject: { task: TaskRow; claw: ClawRow; cage: LiveCage },
    outcome: Outcome,
    reported: boolean,
  ): Promise<void> {
    const { task, claw, cage } = subject;
    const { retries, keeper, kept, onFree } = this.#parts;
    const { organisation } = task;
    // Whether it acted decides about another attempt, and its counts are told with its end.
    await this.#later.flush();
    const again =
      outcome.state === 'failed' && outcome.error
        ? await retries.next(task, outcome.error, { handedOver: true })
        : undefined;
    if (again && outcome.error) {
      // The next attempt waits until this cage is surely gone; where that cannot be told now, the reconciler goes on from here.
      if (await keeper.end(organisation, cage.cageId)) await this.#goBack(subject, outcome.error, again);
      else await this.#mustHold(task);
      this.drop(task.id, task.epoch);
      return onFree(organisation, claw.id);
    }
    await this.finish(subject, withPhase(task, outcome));
    this.drop(task.id, task.epoch);
    // Not awaited: the message that ended the task is acknowledged first.
    if (reported && claw.reuse === 'claw') {
      void kept.keepOrEnd(organisation, claw.id, cage).then(() => onFree(organisation, claw.id));
      return;
    }
    void keeper.end(organisation, cage.cageId);
    onFree(organisation, claw.id);
  }

  /** To the queue, or, where it was to be cancelled meanwhile, to its end. */
  async #goBack({ task }: Subject, error: ErrorBody, again: Again): Promise<void> {
    const row = await this.#parts.retries.requeue(task, again);
    if (!row) return;
    this.#parts.log.info({ task: task.id, epoch: task.epoch, code: error.code }, 'another attempt follows');
    // Calls of this one that nobody settles are under way no longer, however long the next one waits.
    void this.#parts.limiter.endAttempts(task.organisation, task.id, fenceOf(task.epoch + 1, 0));
    if (row.cancelRequested) await this.endQueued(row, 'cancelled');
    else await this.announce(task.organisation, task.id);
  }

  /** What is kept with a result are the files of the attempt that succeeded. */
  async #forgetContent(task: TaskRow, hasResult: boolean): Promise<void> {
    const { store, vault } = this.#parts;
    if (!hasResult) await vault.shred(task.id);
    await store.taskFiles.delete(task.organisation, task.id, hasResult ? { except: task.epoch } : {});
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

const isStillOf = (now: TaskRow, task: TaskRow): boolean =>
  now.epoch === task.epoch && now.holder === task.holder;

/** What a row holds of the end, and what is sealed beside it: the answer, or the words of a failure. */
function keptOf({ answer, error, reported }: Outcome): { error?: ErrorBody; content?: string } {
  if (!error || !reported)
    return { ...(error && { error }), ...(answer !== undefined && { content: answer }) };
  const { error: bare, words } = splitWords(error);
  return { error: bare, ...(words && { content: JSON.stringify(words) }) };
}

/** Of a task that ran out of time it is told which one: its own, or that of its deadline; and in which phase. */
function withPhase(task: TaskRow, outcome: Outcome): Outcome {
  const { deadline, timeoutMs } = task;
  if (outcome.state !== 'timed_out' || outcome.error?.details?.phase !== undefined) return outcome;
  const missed = deadline !== null && deadline.getTime() - DEADLINE_SLACK_MS <= Date.now();
  const error = new CodedError('task_timed_out', {
    phase: 'running',
    ...(missed ? { deadline: deadline.toISOString() } : { limitMs: timeoutMs }),
  });
  return { state: outcome.state, error: error.toBody() };
}

/** Of a call of a function, told again by every cage that is taken over. */
function callOf(event: TaskEvent): string {
  if (event.kind === 'function_call') return event.call.id;
  return event.kind === 'function_result' ? event.call : '';
}
