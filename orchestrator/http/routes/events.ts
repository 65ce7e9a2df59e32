import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import type { WebSocket } from 'ws';
import { toCodedError, CodedError } from '#errors/coded-error.ts';
import { clientMessage, type ServerMessage, type TaskEvent } from '#protocol/live.ts';
import { assertAllowed, type Principal } from '#access/decide.ts';
import { parse } from '../errors.ts';
import type { CallRouteParts } from './calls.ts';

export interface EventRouteParts {
  readonly events: {
    subscribe(
      task: string,
      after: number | undefined,
      listener: (message: ServerMessage) => void,
    ): () => void;
    knows(task: string): boolean;
  };
  readonly watching: {
    /** Asserts access; the task's last word where it has ended. `not_found`. */
    assertReadable(principal: Principal, task: string): Promise<TaskEvent | undefined>;
  };
  readonly functions: CallRouteParts['functions'];
}

type ClientMessage = z.output<typeof clientMessage>;

/** A subscriber that has this much unread is told of a gap and cut off from the task, which never waits for it. */
const UNREAD_LIMIT_BYTES = 8 * 1024 * 1024;
const SUBSCRIPTIONS_LIMIT = 256;

export function eventRoutes(app: FastifyInstance, parts: EventRouteParts): void {
  app.get('/events', { websocket: true }, (socket, request) => {
    const watcher = new Watcher(socket, request.principal, parts);
    socket.on('message', (data: Buffer) => void watcher.receive(data));
    socket.on('close', () => watcher.close());
    socket.on('error', () => watcher.close());
  });
}

class Watcher {
  readonly #socket: WebSocket;
  readonly #principal: Principal;
  readonly #parts: EventRouteParts;
  readonly #subscriptions = new Map<string, () => void>();

  constructor(socket: WebSocket, principal: Principal, parts: EventRouteParts) {
    this.#socket = socket;
    this.#principal = principal;
    this.#parts = parts;
  }

  async receive(data: Buffer): Promise<void> {
    try {
      const message = parse(clientMessage, readJson(data));
      if (message.type === 'unsubscribe') this.#unsubscribe(message.task);
      else if (message.type === 'subscribe') await this.#subscribe(message.task, message.after);
      else await this.#answer(message);
    } catch (error) {
      this.#send({ type: 'error', error: toCodedError(error).toBody() as never });
    }
  }

  close(): void {
    for (const end of this.#subscriptions.values()) end();
    this.#subscriptions.clear();
  }

  async #subscribe(task: string, after: number | undefined): Promise<void> {
    if (this.#subscriptions.size >= SUBSCRIPTIONS_LIMIT)
      throw new CodedError('conflict', { limit: SUBSCRIPTIONS_LIMIT });
    const lastWord = await this.#parts.watching.assertReadable(this.#principal, task);
    // Gone meanwhile: nobody would end the subscription.
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#unsubscribe(task);
    if (lastWord && !this.#parts.events.knows(task)) {
      this.#send({ type: 'event', task, id: (after ?? 0) + 1, event: lastWord });
      return;
    }
    this.#subscriptions.set(
      task,
      this.#parts.events.subscribe(task, after, (message) => this.#forward(task, message)),
    );
  }

  async #answer({
    task,
    call,
    ok,
    output,
  }: Extract<ClientMessage, { type: 'function_result' }>): Promise<void> {
    try {
      const { organisation } = this.#principal;
      assertAllowed(this.#principal, 'claws.run', organisation);
      await this.#parts.functions.answer(organisation, task, call, { ok, output });
      this.#send({ type: 'function_result_taken', task, call });
    } catch (error) {
      this.#send({ type: 'error', task, error: { ...toCodedError(error).toBody() } });
    }
  }

  #forward(task: string, message: ServerMessage): void {
    if (this.#socket.bufferedAmount < UNREAD_LIMIT_BYTES) return this.#send(message);
    this.#unsubscribe(task);
    if (message.type === 'event') this.#send({ type: 'gap', task, from: message.id });
  }

  #unsubscribe(task: string): void {
    this.#subscriptions.get(task)?.();
    this.#subscriptions.delete(task);
  }

  #send(message: ServerMessage): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}

function readJson(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString('utf8'));
  } catch {
    throw new CodedError('request_invalid', { reason: 'not JSON' });
  }
}
