import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { CodedError, fromBody, toCodedError } from '#errors/coded-error.ts';
import { peerNews, peerQuestion, type PeerNews, type PeerQuestion, type Peers } from './messages.ts';

interface Options {
  readonly install: string;
  /** The name under which this process holds things now: another one after a loss of its lease. */
  readonly self: () => string;
  /** How long an answer may take. */
  readonly answerMs?: number;
}

const ANSWER_MS = 5000;

const asked = z.strictObject({ to: z.string(), from: z.string(), id: z.string(), question: peerQuestion });
const answered = z.strictObject({
  id: z.string(),
  answer: z.string().optional(),
  error: z.object({ code: z.string(), details: z.record(z.string(), z.unknown()).optional() }).optional(),
});
type Answered = z.infer<typeof answered>;

/**
 * Peers over Redis' publish and subscribe. A question goes to all and is answered by whoever holds the asked name at that time, so nothing is to be done when a name changes. While
 * Redis is away nothing is told and every question fails; nothing else depends on it.
 */
export class RedisPeers implements Peers {
  readonly #options: Options;
  readonly #out: Redis;
  readonly #in: Redis;
  readonly #prefix: string;
  /** Where the answers of this process come. */
  readonly #home = randomUUID();
  readonly #waiting = new Map<string, PromiseWithResolvers<string | undefined>>();
  readonly #listeners: ((news: PeerNews) => void)[] = [];
  #answer: ((question: PeerQuestion) => Promise<string | undefined>) | undefined;

  constructor(redis: Redis, options: Options) {
    this.#options = options;
    this.#prefix = `clawcage:${options.install}:peers`;
    const retryStrategy = (times: number): number => Math.min(times * 50, 1000);
    this.#out = redis.duplicate({
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      commandTimeout: 1000,
      lazyConnect: false,
      retryStrategy,
    });
    this.#in = redis.duplicate({ maxRetriesPerRequest: null, lazyConnect: false, retryStrategy });
    for (const client of [this.#out, this.#in]) client.on('error', () => undefined);
    this.#in.on('message', (channel: string, text: string) => this.#receive(channel, text));
    this.#in
      .subscribe(...['news', 'questions', this.#home].map((name) => this.#channel(name)))
      .catch(() => undefined);
  }

  async tell(news: PeerNews): Promise<void> {
    await this.#say('news', news).catch(() => undefined);
  }

  onNews(listener: (news: PeerNews) => void): void {
    this.#listeners.push(listener);
  }

  async ask(orchestrator: string, question: PeerQuestion): Promise<string | undefined> {
    if (orchestrator === this.#options.self()) return this.#answerTo(question);
    const id = randomUUID();
    const waiting = Promise.withResolvers<string | undefined>();
    this.#waiting.set(id, waiting);
    const silent = (): void => waiting.reject(new CodedError('peer_silent'));
    const timer = setTimeout(silent, this.#options.answerMs ?? ANSWER_MS);
    // Where Redis is away nobody was asked.
    this.#say('questions', { to: orchestrator, from: this.#home, id, question }).catch(silent);
    try {
      return await waiting.promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  onQuestion(answer: (question: PeerQuestion) => Promise<string | undefined>): void {
    this.#answer = answer;
  }

  close(): void {
    for (const waiting of this.#waiting.values()) waiting.reject(new CodedError('peer_silent'));
    this.#out.disconnect();
    this.#in.disconnect();
  }

  #receive(channel: string, text: string): void {
    if (channel === this.#channel('news')) {
      const news = read(peerNews, text);
      if (news) for (const listener of this.#listeners) listener(news);
    } else if (channel === this.#channel('questions')) void this.#take(read(asked, text));
    else this.#settle(read(answered, text));
  }

  async #take(it: z.infer<typeof asked> | undefined): Promise<void> {
    if (it?.to !== this.#options.self()) return;
    const { id, question, from } = it;
    const answer = await this.#answerTo(question).then(
      (value): Answered => ({ id, ...(value !== undefined && { answer: value }) }),
      (error: unknown): Answered => {
        const { code, details } = toCodedError(error);
        return { id, error: { code, ...(details && { details }) } };
      },
    );
    // Who asked is told nothing then, and knows what that means.
    await this.#say(from, answer).catch(() => undefined);
  }

  #settle(it: Answered | undefined): void {
    const waiting = it && this.#waiting.get(it.id);
    if (!waiting) return;
    if (it.error) waiting.reject(fromBody(it.error));
    else waiting.resolve(it.answer);
  }

  async #answerTo(question: PeerQuestion): Promise<string | undefined> {
    if (!this.#answer) throw new CodedError('peer_silent');
    return await this.#answer(question);
  }

  async #say(name: string, message: object): Promise<void> {
    await this.#out.publish(this.#channel(name), JSON.stringify(message));
  }

  #channel(name: string): string {
    return `${this.#prefix}:${name}`;
  }
}

/** What an orchestrator of another version says and this one does not know is passed over. */
function read<T>(schema: z.ZodType<T>, text: string): T | undefined {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
