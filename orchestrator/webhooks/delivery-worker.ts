import { setTimeout as pause } from 'node:timers/promises';
import { toCodedError } from '#errors/coded-error.ts';
import type { TaskReply, WebhookBody } from '#protocol/api.ts';
import type { Log } from '../log.ts';
import type { DeliveriesStore, DeliveryRow } from '../store/deliveries-store.ts';
import { steadyNow } from '../steady-clock.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { Poster } from './post.ts';
import { afterAttempt, BACKOFF_MS, type Answer } from './schedule.ts';
import { signedHeaders } from './signature.ts';
import type { WebhookSecrets } from './webhook-secrets.ts';

interface Parts {
  readonly deliveries: DeliveriesStore;
  readonly secrets: WebhookSecrets;
  readonly poster: Pick<Poster, 'post'>;
  readonly telemetry: Pick<Telemetry, 'webhookAttempted'>;
  /** What a delivery tells of its task. */
  readonly report: (organisation: string, task: string) => Promise<TaskReply>;
  readonly log: Log;
  readonly backoffMs?: readonly number[];
}

/** Attempts at once. */
const AT_ONCE = 8;
/** An attempt that has not ended by then was cut off by a crash; longer than any attempt. */
const LEASE_MS = 60_000;
/** Other processes may have enqueued something. */
const LOOK_EVERY_MS = 15_000;
const HEAL_EVERY_MS = 60_000;
const CLOSE_MS = 2_000;

/** Sends what is due, at least once each, with the same `webhook-id` every time. */
export class DeliveryWorker {
  readonly #parts: Parts;
  readonly #stop = new AbortController();
  readonly #sending = new Set<Promise<void>>();
  #woken = Promise.withResolvers<void>();
  #healedAtMs = -Infinity;
  #running: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Something may be due now. */
  wake(): void {
    this.#woken.resolve();
  }

  /** Waits a little for the attempts under way; one that is cut off comes again. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.wake();
    await this.#running;
    const enough = new AbortController();
    const late = pause(CLOSE_MS, undefined, { signal: enough.signal }).catch(() => undefined);
    await Promise.race([Promise.all(this.#sending), late]);
    enough.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.#woken = Promise.withResolvers<void>();
      const waitMs = await this.#round().catch((error: unknown) => {
        this.#parts.log.warn({ code: toCodedError(error).code }, 'webhooks go on later');
        return 1_000;
      });
      const waited = new AbortController();
      const rest = pause(waitMs, undefined, { signal: waited.signal }).catch(() => undefined);
      await Promise.race([rest, this.#woken.promise]);
      waited.abort();
    }
  }

  /** Begins what is due; how long there is nothing more to do. */
  async #round(): Promise<number> {
    const { deliveries } = this.#parts;
    if (performance.now() - this.#healedAtMs > HEAL_EVERY_MS) await this.#heal(new Date());
    const free = AT_ONCE - this.#sending.size;
    // The end of an attempt wakes.
    if (free <= 0) return LOOK_EVERY_MS;
    for (const delivery of await deliveries.take(new Date(steadyNow()), free, LEASE_MS)) {
      const sending = this.#attempt(delivery).finally(() => {
        this.#sending.delete(sending);
        this.wake();
      });
      this.#sending.add(sending);
    }
    const next = await deliveries.nextAt();
    const untilMs = next === undefined ? LOOK_EVERY_MS : Math.max(0, next.getTime() - steadyNow());
    return Math.min(untilMs, LOOK_EVERY_MS);
  }

  /** A crash between a task's end and its delivery. */
  async #heal(now: Date): Promise<void> {
    for (const task of await this.#parts.deliveries.missing(now)) await this.#parts.deliveries.enqueue(task);
    this.#healedAtMs = performance.now();
  }

  async #attempt(delivery: DeliveryRow): Promise<void> {
    const { deliveries, telemetry, log, backoffMs = BACKOFF_MS } = this.#parts;
    const answer = await this.#send(delivery).catch((error: unknown): Answer => ({
      error: toCodedError(error),
    }));
    const outcome = afterAttempt(answer, delivery.attempts, new Date(steadyNow()), backoffMs);
    telemetry.webhookAttempted(outcome.state === 'waiting' ? 'retried' : outcome.state);
    const { state, lastStatus: status, lastError: code } = outcome;
    log.info({ delivery: delivery.id, attempt: delivery.attempts, state, status, code }, 'webhook attempted');
    await deliveries.settle(delivery, outcome).catch((error: unknown) => {
      log.warn({ delivery: delivery.id, code: toCodedError(error).code }, 'a webhook comes once more');
    });
  }

  async #send({ id, organisation, task, url }: DeliveryRow): Promise<Answer> {
    const { report, secrets, poster } = this.#parts;
    const body = JSON.stringify(bodyOf(await report(organisation, task)));
    const at = new Date();
    const signing = await secrets.signing(organisation, at.getTime());
    const headers = signedHeaders(id, at, body, signing);
    for (const secret of signing) secret.wipe();
    return poster.post({ id, organisation, url, headers, body });
  }
}

function bodyOf(data: TaskReply): WebhookBody {
  return { type: 'task.ended', timestamp: data.task.endedAt ?? data.task.createdAt, data };
}
