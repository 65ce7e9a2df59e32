import { fenceOf } from '#task/fence.ts';
import type { Wish } from '../../../bench/caps/demand.ts';
import type { BookedCall } from '../../../bench/caps/judge.ts';
import type { Level } from '../../../orchestrator/limiter/permit-request.ts';
import { Chance } from '../../chaos/chance.ts';
import type { TestRedis } from '../../support/redis.ts';
import type { Answered, Asked } from './limiter.child.ts';
import { Died, LimiterProcess } from './limiters.ts';
import {
  askAll,
  capsAtFirst,
  CLAWS,
  ENTRY_MS,
  KEYS,
  later,
  nowMs,
  SEND_WITHIN_MS,
  ORGANISATION,
  WINDOW_MS,
  type Town,
} from './town.ts';

const OPTIONS = {
  sendWithinMs: SEND_WITHIN_MS,
  entryMs: ENTRY_MS,
  leaseMs: 1_500,
  renewMs: 500,
  commandMs: 20_000,
};
const DEADLINE_MS = 20 * WINDOW_MS;
const FENCE = fenceOf(1, 1);
/** A meter gives its dead orchestrator's work to another. */
const AGAIN_MS = 20;

type Claw = (typeof CLAWS)[number];

/** 16 Claws, whose meters live here, on three limiters, which live in processes of their own and are killed. */
export class LimitedTown implements Town {
  readonly books: BookedCall[] = [];
  readonly caps = capsAtFirst();
  overrunTokens = 0;
  killed = 0;
  askedAgain = 0;
  readonly #redis: TestRedis;
  readonly #limiters: LimiterProcess[];
  readonly #chance: Chance;
  readonly #seed: number;
  readonly #booked: Promise<void>[] = [];
  #calls = 0;

  private constructor(redis: TestRedis, limiters: LimiterProcess[], seed: number) {
    this.#redis = redis;
    this.#limiters = limiters;
    this.#seed = seed;
    this.#chance = new Chance(seed);
  }

  static async start(redis: TestRedis, seed: number): Promise<LimitedTown> {
    const limiters = await Promise.all([1, 2, 3].map(() => LimiterProcess.start(redis.socket, OPTIONS)));
    const town = new LimitedTown(redis, limiters, seed);
    await Promise.all(limiters.map((limiter) => town.#settleIn(limiter)));
    return town;
  }

  async run(untilMs: number): Promise<void> {
    await askAll(this.#seed, untilMs, async (claw, wish) => this.#call(claw, wish, untilMs));
    await Promise.all(this.#booked);
  }

  /** One limiter after the other is killed and started again, and one cap after the other lowered and raised. */
  async strike(beginMs: number, lengthMs: number): Promise<void> {
    const { key, claw, organisation } = this.caps;
    const changes: (() => Promise<void>)[] = [
      () => this.#set(key[KEYS.mixed]!.tokens, 1_500),
      () => this.#set(claw[`${KEYS.edges}-1`]!.requests, 5),
      () => this.#set(organisation.requests, 430),
      () => this.#set(key[KEYS.edges]!.requests, 30),
      () => this.#set(key[KEYS.mixed]!.tokens, 4_000),
      () => this.#set(claw[`${KEYS.edges}-1`]!.requests, 30),
      () => this.#set(key[KEYS.edges]!.requests, 60),
    ];
    for (const [at, change] of changes.entries()) {
      await later(beginMs + ((at + 0.5) * lengthMs) / changes.length - Date.now());
      await Promise.all([change(), this.#crash(at % 3)]);
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.#limiters.map((limiter) => limiter.kill()));
  }

  async #crash(at: number): Promise<void> {
    await this.#limiters[at]!.kill();
    this.killed += 1;
    await later(100);
    const next = await LimiterProcess.start(this.#redis.socket, OPTIONS);
    await this.#settleIn(next);
    this.#limiters[at] = next;
  }

  /** In force from when all have heard it; what is raised may be used from when the first has. */
  async #set(history: { fromMs: number; cap: number | null }[], cap: number): Promise<void> {
    const before = history.at(-1)!.cap!;
    const askedMs = nowMs();
    history.push({ fromMs: Infinity, cap });
    await Promise.all(this.#limiters.map((limiter) => this.#tell(limiter)));
    history[history.length - 1] = { fromMs: cap > before ? askedMs : nowMs(), cap };
  }

  async #settleIn(limiter: LimiterProcess): Promise<void> {
    await this.#tell(limiter);
    await Promise.all(
      CLAWS.map(({ name }) =>
        limiter.ask({ verb: 'fence', organisation: ORGANISATION, task: name, fence: FENCE }),
      ),
    );
  }

  async #tell(limiter: LimiterProcess): Promise<void> {
    const level = (level: Level['level'], id: string): Level => {
      const of = level === 'organisation' ? this.caps.organisation : this.caps[level][id]!;
      return {
        level,
        id,
        requestsPerMinute: of.requests.at(-1)?.cap ?? undefined,
        tokensPerMinute: of.tokens.at(-1)?.cap ?? undefined,
      };
    };
    const levels = Object.fromEntries(
      CLAWS.map(({ name, key }) => [
        name,
        [level('claw', name), level('key', key), level('organisation', ORGANISATION)],
      ]),
    );
    try {
      await limiter.ask({ verb: 'caps', levels });
    } catch (error) {
      // One that is dead learns it when it comes back.
      if (!(error instanceof Died)) throw error;
    }
  }

  async #call({ name, key }: Claw, { tokens, fate }: Wish, untilMs: number): Promise<void> {
    this.#calls += 1;
    const call = { organisation: ORGANISATION, task: name, epoch: 1, callId: `call-${this.#calls}` };
    const permit = {
      ...call,
      verb: 'permit',
      fence: FENCE,
      claw: name,
      tokens,
      deadlineMs: DEADLINE_MS,
    } as const;
    const granted = await Promise.race([this.#ask(permit).catch(refused), this.#over(untilMs)]);
    // The demand is over, or the call can never fit.
    if (granted?.sendWithinMs === undefined || granted.sendWithinMs === 0) return;
    const sentMs = nowMs();
    // Of what was left or cut the provider counts what it had made by then.
    const taken = fate === 'whole' || fate === 'stream' ? tokens : this.#chance.whole(1, tokens);
    // It arrives within the second that its way may take.
    const wayMs = this.#chance.next() * 0.9 * (ENTRY_MS - WINDOW_MS);
    this.books.push({ atMs: sentMs + wayMs, tokens: taken, claw: name, key });
    this.#book({ ...call, verb: 'sent', agoMs: nowMs() - sentMs });
    await later(fate === 'stream' ? 100 : 5);
    // A meter that died with its call: nobody says what it took.
    if (fate === 'cut') return;
    this.#book({ ...call, verb: 'settle', tokens: taken });
  }

  /** Resolves a moment after the demand has ended: who still waits then has waited in vain. */
  async #over(untilMs: number): Promise<undefined> {
    await later(untilMs - Date.now());
  }

  /** In its own time, but while there are limiters. */
  #book(asked: Extract<Asked, { verb: 'sent' | 'settle' }>): void {
    const booked = this.#ask(asked).catch(refused);
    this.#booked.push(booked.then((answered) => void (this.overrunTokens += answered?.overrunTokens ?? 0)));
  }

  /** Whichever limiter there is; another, under the same name, where it dies. */
  async #ask(asked: Asked): Promise<Answered> {
    for (;;) {
      const limiter = this.#chance.of(this.#limiters.filter(({ isUp }) => isUp));
      try {
        return await limiter.ask(asked);
      } catch (error) {
        if (!(error instanceof Died)) throw error;
        this.askedAgain += 1;
        await later(AGAIN_MS);
      }
    }
  }
}

/** A call above its cap is refused for good; any other refusal is a fault of the test. */
function refused(error: Error): undefined {
  if (error.message !== 'limit_never_fits') throw error;
}
