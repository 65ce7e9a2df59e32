import type { Redis } from 'ioredis';
import type { LimiterOptions } from '../../../orchestrator/limiter/limiter-options.ts';
import { ClawOfTest, Limiters } from '../../support/limiter.ts';
import { TestRedis } from '../../support/redis.ts';

/** The scripts' clock, in place of Redis' own. */
export const CLOCK = `local function clock() return tonumber(redis.call('GET', 'test:clock')) end`;

/** Further than any test goes: no clock of a Redis is set back. */
const BETWEEN_TESTS_MS = 10 * 24 * 3_600_000;

/** A Redis with a limiter whose clock stands until the test turns it. */
export class TurnedClock {
  #server: TestRedis | undefined;
  #redis: Redis | undefined;
  #limiters: Limiters | undefined;
  #startMs = 1_800_000_000_000;

  async start(): Promise<void> {
    this.#server = await TestRedis.start();
    this.#redis = this.#server.connect();
    this.#limiters = new Limiters(this.#server);
  }

  async stop(): Promise<void> {
    await this.#limiters?.closeAll();
    await this.#server?.stop();
  }

  /** So many milliseconds after the start of the test. */
  at = (ms: number): Promise<unknown> => this.redis.set('test:clock', this.#startMs + ms);

  /** At the start of a test: a Claw with a cap of 100 tokens, fenced, at a limiter of its own. */
  async newClaw(options: LimiterOptions = {}): Promise<ClawOfTest> {
    this.#startMs += BETWEEN_TESTS_MS;
    await this.at(0);
    const it = new ClawOfTest(await this.#limiters!.open({ ...options, clock: CLOCK }), {
      tokensPerMinute: 100,
    });
    await it.fence();
    return it;
  }

  get redis(): Redis {
    return this.#redis!;
  }
}

/** Whether a call of so many tokens gets its permit at once. */
export const isGranted = (it: ClawOfTest, tokens: number): Promise<boolean> =>
  it.limiter.permit(it.call(tokens)).then(
    () => true,
    () => false,
  );
