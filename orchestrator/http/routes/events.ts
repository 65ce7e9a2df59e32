import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import type { WebSocket } from 'ws';
import { toCodedError, CodedError } from '#errors/coded-error.ts';
import { clientMessage, type ServerMessage, type TaskEvent } from '#protocol/live.ts';
import { assertAllowed, type Principal } from '#access/decide.ts';
import { parse } from '../errors.ts';
import { EventFeed, type EventSource } from '../event-feed.ts';
import type { CallRouteParts } from './calls.ts';

export interface EventRouteParts {
  readonly events: EventSource;
  readonly watching: {
    /** Asserts access; the task's last word where it has ended. `not_found`. */
    assertReadable(principal: Principal, task: string): Promise<TaskEvent | undefined>;
  };
  readonly functions: CallRouteParts['functions'];
}

type ClientMessage = z.output<typeof clientMessage>;

/** A watcher that leaves this much unread rests until most of it has gone. */
const UNREAD_BYTES = 1024 * 1024;
const ROOM_BYTES = UNREAD_BYTES / 4;
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
  readonly #feeds = new Map<string, EventFeed>();
  #isFull = false;

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
    for (const feed of this.#feeds.values()) feed.close();
    this.#feeds.clear();
  }

  async #subscribe(task: string, after: number | undefined): Promise<void> {
    if (this.#feeds.size >= SUBSCRIPTIONS_LIMIT)
      throw new CodedError('conflict', { limit: SUBSCRIPTIONS_LIMIT });
    const lastWord = await this.#parts.watching.assertReadable(this.#principal, task);
    // Gone meanwhile: nobody would end the subscription.
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#unsubscribe(task);
    const of = { organisation: this.#principal.organisation, task };
    const feed: EventFeed = new EventFeed({
      events: this.#parts.events,
      of,
      after,
      lastWord,
      take: (message) => {
        this.#send(message);
        if (message.type === 'event' && message.event.kind === 'ended' && this.#feeds.get(task) === feed)
          this.#feeds.delete(task);
        return !this.#isFull;
      },
    });
    this.#feeds.set(task, feed);
    if (!this.#isFull) feed.resume();
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

  #unsubscribe(task: string): void {
    this.#feeds.get(task)?.close();
    this.#feeds.delete(task);
  }

  #send(message: ServerMessage): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#socket.send(JSON.stringify(message), () => this.#sent());
    this.#isFull ||= this.#socket.bufferedAmount >= UNREAD_BYTES;
  }

  /** Something has gone out. */
  #sent(): void {
    if (!this.#isFull || this.#socket.bufferedAmount >= ROOM_BYTES) return;
    this.#isFull = false;
    for (const feed of this.#feeds.values()) if (!this.#isFull) feed.resume();
  }
}

function readJson(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString('utf8'));
  } catch {
    throw new CodedError('request_invalid', { reason: 'not JSON' });
  }
}
