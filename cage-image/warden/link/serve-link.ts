import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { CodedError, toCodedError } from '#errors/coded-error.ts';
import type { Bootstrap } from '#protocol/bootstrap.ts';
import { GATE_LINK_PATH, GATE_LINK_UPGRADE } from '#protocol/gate-reply.ts';
import { CageSession, type CageSessionOptions, type ControllerState } from '#protocol/link-cage.ts';
import type { LinkConnection } from '#protocol/link-connection.ts';
import type { FromCage } from '#protocol/link-messages.ts';
import type { Urgency } from '#protocol/link-outbox.ts';
import { ACK_WITHIN_MS, LINK_PULSE, LINK_TLS, type LinkPulse } from '#protocol/link-tls.ts';
import { inWordsOf } from '#protocol/link-words.ts';
import { cageClock } from '../../cage-clock.ts';
import { gateRequest } from '../../tunnel/gate-request.ts';
import { watchStall } from './stall.ts';

export interface ServeOptions extends Omit<CageSessionOptions, 'onController'> {
  readonly bootstrap: Pick<Bootstrap, 'cageId' | 'linkSecret' | 'capability' | 'gate'>;
  /** A controller said `resume` and got `hello`, or the last one is gone. */
  readonly onController?: ((connected: boolean, state: ControllerState) => void) | undefined;
  readonly pulse?: LinkPulse | undefined;
}

/** The cage's end of the link: one for the cage's whole life. */
export interface CageLink {
  /**
   * Numbered and kept until a controller has handled it, whether one is connected or not. A droppable message is dropped, and `false` given, where
   * 4 MiB wait. Errors: `link_backlog` where 48 MiB wait (56 for what is `reserved`), `link_frame_too_large`, `link_closed`.
   */
  send(message: FromCage, urgency?: Urgency): boolean;
  /** Resolves when a controller has handled all that was sent until now. Errors: `link_closed`. */
  acknowledged(): Promise<void>;
  readonly connected: boolean;
  /** By `performance.now()`: when a controller that holds the secret and the newest epoch was last heard; at first, when serving began. */
  readonly lastControllerSeenMs: number;
  /** How many droppable messages were dropped. */
  readonly dropped: number;
  close(): Promise<void>;
}

const FIRST_BACKOFF_MS = 25;
const LAST_BACKOFF_MS = 1_000;
const TLS_TIMEOUT_MS = 10_000;

/**
 * Offers the cage's link at the gate until `close`, and always one more while others are in use, so that a newer controller can take over. A
 * gate that is gone is dialled again (every second at the latest); a controller that is silent or does not read is dropped; nothing of
 * this ever stops or fails the cage.
 */
export function serveLink(options: ServeOptions): CageLink {
  return new ServedLink(options);
}

class ServedLink implements CageLink {
  readonly #options: ServeOptions;
  readonly #pulse: LinkPulse;
  readonly #session: CageSession;
  readonly #tls: Server;
  readonly #streams = new Set<Socket>();
  readonly #ending = new AbortController();
  readonly #offering: Promise<void>;
  #connected = false;
  #seenMs = performance.now();

  constructor(options: ServeOptions) {
    this.#options = options;
    this.#pulse = options.pulse ?? LINK_PULSE;
    this.#session = new CageSession({
      hello: options.hello,
      onMessage: options.onMessage,
      onController: (state) => {
        this.#connected = state.connected;
        options.onController?.(state.connected, state);
      },
      onError: options.onError,
      limits: options.limits,
      protocol: options.protocol,
      clockMs: cageClock,
    });
    this.#tls = this.#secure();
    this.#offering = this.#offer(this.#ending.signal);
  }

  get connected(): boolean {
    return this.#connected;
  }

  get lastControllerSeenMs(): number {
    return this.#seenMs;
  }

  get dropped(): number {
    return this.#session.session.outbox.dropped;
  }

  send(message: FromCage, urgency?: Urgency): boolean {
    return this.#session.send(inWordsOf(this.#session.version, message), urgency);
  }

  acknowledged(): Promise<void> {
    return this.#session.session.acknowledged();
  }

  async close(): Promise<void> {
    this.#ending.abort();
    this.#session.session.close();
    for (const stream of this.#streams) stream.destroySoon();
    await this.#offering;
  }

  #secure(): Server {
    const { linkSecret, cageId } = this.#options.bootstrap;
    const psk = Buffer.from(linkSecret, 'base64');
    const server = createServer({
      ...LINK_TLS,
      pskCallback: (_socket, identity) => (identity === cageId ? psk : null),
      handshakeTimeout: TLS_TIMEOUT_MS,
    });
    server.on('secureConnection', (tls) => this.#converse(tls));
    server.on('tlsClientError', (cause, tls) => {
      tls.destroy();
      this.#options.onError?.(new CodedError('link_unauthenticated', undefined, { cause }));
    });
    return server;
  }

  async #offer(signal: AbortSignal): Promise<void> {
    const { gate, capability } = this.#options.bootstrap;
    let backoffMs = FIRST_BACKOFF_MS;
    while (!signal.aborted) {
      try {
        const stream = await gateRequest({
          gate,
          capability,
          method: 'GET',
          path: GATE_LINK_PATH,
          upgrade: GATE_LINK_UPGRADE,
          signal,
        });
        backoffMs = FIRST_BACKOFF_MS;
        this.#taken(stream);
      } catch (error) {
        if (signal.aborted) return;
        this.#options.onError?.(toCodedError(error));
        await pause(backoffMs, undefined, { signal }).catch(() => undefined);
        backoffMs = Math.min(LAST_BACKOFF_MS, backoffMs * 2);
      }
    }
  }

  #taken(stream: Socket): void {
    this.#streams.add(stream);
    stream.once('close', () => this.#streams.delete(stream));
    this.#tls.emit('connection', stream);
  }

  #converse(tls: TLSSocket): void {
    let heardMs = performance.now();
    const { session } = this.#session;
    const connection: LinkConnection = this.#session.accept({
      write: (bytes) => void tls.write(bytes),
      pause: () => void tls.pause(),
      resume: () => void tls.resume(),
      close: () => closeSoon(tls),
      later: (run) => void setTimeout(run, ACK_WITHIN_MS),
    });
    const stalled = watchStall(session.outbox, this.#pulse.silenceMs);
    const pulse = setInterval(() => {
      if (session.connection === connection) session.keepAlive();
      // Nothing is heard of a stream that is not read.
      if (tls.isPaused()) heardMs = performance.now();
      const silent = performance.now() - heardMs > this.#pulse.silenceMs;
      if (silent || stalled()) tls.destroy();
    }, this.#pulse.pulseMs);
    tls.on('error', () => undefined);
    tls.on('data', (chunk: Buffer) => {
      heardMs = performance.now();
      connection.receive(chunk);
      if (session.connection === connection) this.#seenMs = heardMs;
    });
    tls.once('end', () => tls.destroy());
    tls.once('close', () => {
      clearInterval(pulse);
      this.#session.ended(connection);
    });
  }
}

const CLOSE_MS = 1_000;

/** Ends the stream after what was written, or at once where the other end does not take it. */
function closeSoon(tls: TLSSocket): void {
  tls.destroySoon();
  setTimeout(() => tls.destroy(), CLOSE_MS).unref();
}
