import { CodedError } from '#errors/coded-error.ts';
import { readAnswer, redisTimeOf, type PermitAnswer } from './answers.ts';
import { AtOnce } from './at-once.ts';
import { capsOf } from './caps-of-standing.ts';
import type { LimiterConnection } from './connection.ts';
import type { Fences } from './fences.ts';
import { refName, type Keys } from './keys.ts';
import type { Settled } from './limiter-options.ts';
import type { CallRef, PermitRequest, Standing } from './permit-request.ts';
import type { Runner } from './runner.ts';
import { CLOCK_UNKNOWN, type Trust } from './trust.ts';

const LONGEST_WAIT_MS = 1_000_000_000;
/** Some 10 ms of Redis' time: enough to keep it busy, and none of them late. */
const QUESTIONS_AT_ONCE = 64;
/** A question may find something that is put in order first: the books unmarked, the fence gone. */
const TRIES = 4;

interface AskerParts {
  readonly options: Settled;
  readonly keys: Keys;
  readonly runner: Runner;
  readonly connection: LimiterConnection;
  readonly trust: Trust;
  readonly fences: Fences;
}

/** What Redis said to a call that asked for its permit, and what was in force for it. */
export interface Asked {
  readonly answer: PermitAnswer;
  readonly standing?: Standing;
  /** By `performance.now()`, not later than Redis decided. */
  readonly askedAt?: number;
}

/** Asks for permits, once each, of books and by a clock that are known. */
export class Asker {
  readonly #parts: AskerParts;
  readonly #questions = new AtOnce(QUESTIONS_AT_ONCE);

  constructor(parts: AskerParts) {
    this.#parts = parts;
  }

  /**
   * One try. What is not a decision for good comes back as an answer to wait upon. Errors: `limit_never_fits`, `epoch_superseded`,
   * `request_invalid`, those of `standing()` but for `store_unavailable`.
   */
  async ask(request: PermitRequest, leftMs: number): Promise<Asked> {
    try {
      // Read before it is among those that ask: a database that hangs holds up nobody else.
      const standing = await request.standing();
      if (standing.levels.length === 0) throw new CodedError('request_invalid', { field: 'levels' });
      return await this.#questions.run(() => this.#try(request, standing, leftMs));
    } catch (error) {
      if (error instanceof CodedError && error.code === 'store_unavailable')
        return { answer: { kind: 'unread', why: error } };
      if (error instanceof CodedError && error.code !== 'limiter_unavailable') throw error;
      const reason = error instanceof CodedError ? error.details?.reason : undefined;
      return { answer: { kind: 'away', ...(typeof reason === 'string' && { reason }) } };
    }
  }

  /** See `Limiter.extend`. */
  async extend(call: CallRef): Promise<{ sendWithinMs: number; sinceMs: number } | undefined> {
    const { options, keys, runner, trust } = this.#parts;
    await this.#prepare(call.organisation);
    const sinceMs = performance.now();
    const reply = await runner.run(
      'extend',
      [keys.marker(call.organisation), keys.call(call)],
      [options.sendWithinMs, options.entryMs, trust.argument()],
    );
    const [sendWithinMs, redisMs] = reply as [number, number];
    trust.timeTold(redisMs, sinceMs, performance.now());
    return sendWithinMs > 0 ? { sendWithinMs, sinceMs } : undefined;
  }

  async #try(request: PermitRequest, standing: Standing, leftMs: number): Promise<Asked> {
    const { trust, fences } = this.#parts;
    let unsteady = 0;
    for (let nth = 0; nth < TRIES; nth += 1) {
      await this.#prepare(request.organisation);
      const askedAt = performance.now();
      const reply = await this.#runScript(request, standing, leftMs);
      trust.timeTold(redisTimeOf(reply), askedAt, performance.now());
      const answer = readAnswer(reply, standing.levels, request, standing.paused);
      trust.cameLate(answer.kind === 'unsteady');
      if (answer.kind === 'unmarked') trust.opening.lost();
      else if (answer.kind === 'ahead') trust.aheadOfClock();
      else if (answer.kind === 'unsteady') unsteady += 1;
      else if (answer.kind === 'unfenced')
        await fences.putBack(request.organisation, request.task, request.fence);
      else if (answer.kind === 'closed') return { answer: { ...answer, why: trust.opening.why }, standing };
      else return { answer, standing, askedAt };
      // Once may be chance, or a clock that was set, which is known now; to a Redis that is too slow more of the same is no help.
      if (unsteady > 1) return { answer: { kind: 'away', reason: CLOCK_UNKNOWN } };
    }
    return { answer: { kind: 'away' } };
  }

  #runScript(request: PermitRequest, standing: Standing, leftMs: number): Promise<unknown> {
    const { keys, runner, trust } = this.#parts;
    const { organisation, task, claw } = request;
    const { sendWithinMs, entryMs, recordMs, leaseMs } = this.#parts.options;
    const names = [
      keys.marker(organisation),
      keys.fence(organisation, task),
      keys.call(request),
      keys.level(organisation, 'claw', claw),
      ...standing.levels.map(({ level, id }) => keys.level(organisation, level, id)),
    ];
    return runner.run('permit', names, [
      refName(request),
      request.fence,
      request.tokens,
      request.requests ?? 1,
      leftMs > 0 ? leaseMs : 0,
      Math.min(LONGEST_WAIT_MS, Math.max(0, Math.ceil(leftMs))),
      sendWithinMs,
      entryMs,
      recordMs,
      keys.channel,
      standing.weight ?? 1,
      standing.callsAtOnce ?? '',
      standing.paused === undefined ? '' : 1,
      recordMs,
      Math.min(recordMs, Math.max(1, Math.ceil(request.underWayMs ?? recordMs))),
      ...capsOf(standing),
      trust.argument(),
    ]);
  }

  /** Nothing is asked of books that are not marked, nor by a clock that is not known. Error: `limiter_unavailable` {reason}. */
  async #prepare(organisation: string): Promise<void> {
    const { trust, connection, keys, runner } = this.#parts;
    const { opening } = trust;
    if (!trust.knowsClock || !opening.isMarked(organisation)) await connection.confirm();
    if (!trust.knowsClock) throw new CodedError('limiter_unavailable', { reason: CLOCK_UNKNOWN });
    while (!opening.isMarked(organisation)) {
      const { closings } = opening;
      await runner.run('mark', [keys.marker(organisation)], [opening.remainingMs(), opening.closeMs]);
      opening.marked(organisation, closings);
    }
  }
}
