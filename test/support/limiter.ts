import { randomUUID } from 'node:crypto';
import { fenceOf } from '#task/fence.ts';
import { Limiter } from '../../orchestrator/limiter/limiter.ts';
import type { LimiterOptions } from '../../orchestrator/limiter/limiter-options.ts';
import type { PermitRequest } from '../../orchestrator/limiter/permit-request.ts';
import type { TestRedis } from './redis.ts';

/** A command is answered, however busy the machine is: that it is not is only what the tests of it are about. */
const ANSWERED = { commandMs: 30_000 } as const;

/** A life of entries in which a test can wait for their end; it is closed for longer than a busy machine takes to look. */
export const SHORT = { sendWithinMs: 300, entryMs: 600, holdMs: 3_000 } as const;

/** Nobody asks again by himself here: who is not called waits for a minute. */
export const ONLY_CALLED = { renewMs: 60_000, leaseMs: 180_000 } as const;

/** One Claw with a task whose first attempt is fenced, and the calls of that attempt. */
export class ClawOfTest {
  readonly limiter: Limiter;
  readonly organisation = 'o1';
  readonly claw = randomUUID();
  readonly task = randomUUID();
  readonly caps: { requestsPerMinute?: number; tokensPerMinute?: number };
  #calls = 0;

  constructor(limiter: Limiter, caps: { requestsPerMinute?: number; tokensPerMinute?: number }) {
    this.limiter = limiter;
    this.caps = caps;
  }

  fence = (epoch = 1, controller = 1): Promise<void> =>
    this.limiter.fence(this.organisation, this.task, fenceOf(epoch, controller));

  call(
    tokens: number,
    { controller = 1, ...more }: Partial<PermitRequest> & { controller?: number } = {},
  ): PermitRequest {
    this.#calls += 1;
    return {
      organisation: this.organisation,
      claw: this.claw,
      task: this.task,
      epoch: 1,
      fence: fenceOf(more.epoch ?? 1, controller),
      callId: `call-${this.#calls}`,
      tokens,
      standing: async () => ({ levels: [{ level: 'claw', id: this.claw, ...this.caps }] }),
      deadlineMs: 0,
      ...more,
    };
  }

  window = () => this.limiter.window(this.organisation, 'claw', this.claw);
}

/** Limiters that are closed together; each is an orchestrator of its own. */
export class Limiters {
  readonly #redis: TestRedis;
  readonly #open: Limiter[] = [];

  constructor(redis: TestRedis) {
    this.#redis = redis;
  }

  async open(options: LimiterOptions = {}): Promise<Limiter> {
    const limiter = new Limiter(this.#redis.connect(), { ...ANSWERED, ...options });
    this.#open.push(limiter);
    while (!limiter.isReady) await new Promise((resolve) => setTimeout(resolve, 5));
    return limiter;
  }

  async closeAll(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((limiter) => limiter.close()));
  }
}
