import type { TLSSocket } from 'node:tls';
import { setTimeout as pause } from 'node:timers/promises';
import { CodedError, toCodedError } from '#errors/coded-error.ts';
import type { GateAddress } from '#protocol/bootstrap.ts';
import { ControllerSession } from '#protocol/link-controller.ts';
import type { LinkConnection } from '#protocol/link-connection.ts';
import type { FromCage, HelloMessage, ToCage } from '#protocol/link-messages.ts';
import { ACK_WITHIN_MS, LINK_PULSE, type LinkPulse } from '#protocol/link-tls.ts';
import type { VersionRange } from '#protocol/link-versions.ts';
import { inWordsOf } from '#protocol/link-words.ts';
import type { Secret } from '#secret/secret.ts';
import { attachToLink } from './attach.ts';
import { secureLink } from './secure.ts';

export type LinkState = 'connecting' | 'connected' | 'closed';

export interface DialOptions {
  /** Asked for again at each connection where it is a function: a gate that was replaced has another port. */
  readonly gate: GateAddress | (() => GateAddress);
  /** Of role `controller`; asked for again at each connection where it is a function. */
  readonly capability: string | (() => string);
  /** 32 bytes; copied, and the copy is wiped at the end. */
  readonly linkSecret: Secret;
  readonly cageId: string;
  readonly epoch: number;
  /** The number of the cage's last message that was handled, as it was persisted; 0 for a new cage. */
  readonly lastSeq: number;
  /**
   * Called in order, one at a time; a message is acknowledged, and so forgotten by the cage, when it has resolved. Where it rejects, the link
   * is dropped, and the message comes again with the next connection.
   */
  readonly onMessage: (message: FromCage, seq: number) => Promise<void>;
  /** At each connection, before any of its messages. */
  readonly onHello?: ((hello: HelloMessage) => void) | undefined;
  readonly onState?: ((state: LinkState) => void) | undefined;
  /** Ends the wait for the first hello; later on `close` ends the link. */
  readonly signal?: AbortSignal | undefined;
  readonly pulse?: LinkPulse | undefined;
  readonly protocol?: VersionRange | undefined;
}

export interface Link {
  /** What the cage said of itself at the newest connection; its `version` is the one that is spoken. */
  readonly hello: HelloMessage;
  /** By `performance.now()`: when something of the cage was last heard, or it was kept from being heard because too much of it waits here. */
  readonly heardMs: number;
  /**
   * Numbered, kept until the cage has handled it, and sent again after a reconnect. Errors: `link_backlog`, `link_frame_too_large`,
   * `link_closed`.
   */
  send(message: ToCage): void;
  /** Resolves when the cage has handled all that was sent until now. Errors: `link_closed`. */
  acknowledged(): Promise<void>;
  /** Resolves when all that has come from the cage until now is handled, or forgotten. */
  caughtUp(): Promise<void>;
  /** Lets go of the cage, which runs on and waits for another controller. */
  close(): Promise<void>;
  /** Why the link is over; undefined after `close`. Never rejects. */
  readonly closed: Promise<CodedError | undefined>;
}

const GATE_TIMEOUT_MS = 20_000;
const TLS_TIMEOUT_MS = 10_000;
const FIRST_BACKOFF_MS = 25;
const LAST_BACKOFF_MS = 1_000;

/**
 * The link to a cage, once the cage has said hello. A broken connection is dialled again, with the same epoch, until `close` or an error that trying
 * again does not change. Errors, also as the reason of `closed`: `link_superseded`, `link_unauthenticated`, `link_version`,
 * `link_sequence`, `link_message_unknown`, `link_frame_*`, `gate_capability_invalid`, `gate_capability_expired`; and where the signal
 * ends the wait, the last failure that was met, or `link_closed`.
 */
export async function dialLink(options: DialOptions): Promise<Link> {
  const link = new DialledLink(options);
  await link.ready();
  return link;
}

class DialledLink implements Link {
  readonly #options: DialOptions;
  readonly #pulse: LinkPulse;
  readonly #secret: Buffer;
  readonly #session: ControllerSession;
  readonly #ending = new AbortController();
  readonly #closed = Promise.withResolvers<CodedError | undefined>();
  readonly #ready = Promise.withResolvers<void>();
  #hello: HelloMessage | undefined;
  #heardMs = performance.now();
  #reason: CodedError | undefined;
  #met: CodedError | undefined;
  #backoffMs = FIRST_BACKOFF_MS;
  /** What could not be handled comes again at once: a connection that is up is then no reason to dial faster. */
  #handlerFails = false;
  #running: Promise<void>;

  constructor(options: DialOptions) {
    this.#options = options;
    this.#pulse = options.pulse ?? LINK_PULSE;
    this.#secret = Buffer.from(options.linkSecret.expose());
    this.#session = new ControllerSession({
      epoch: options.epoch,
      lastSeq: options.lastSeq,
      onHello: (hello) => this.#greeted(hello),
      onMessage: async (message, seq) => {
        await options.onMessage(message, seq);
        if (this.#handlerFails) this.#backoffMs = FIRST_BACKOFF_MS;
        this.#handlerFails = false;
      },
      onHandlerFailed: (error) => {
        this.#met = toCodedError(error);
        this.#handlerFails = true;
      },
      onFatal: (error) => this.#refused(error),
      protocol: options.protocol,
    });
    this.#ready.promise.catch(() => undefined);
    this.#running = this.#run();
  }

  get hello(): HelloMessage {
    if (this.#hello === undefined) throw new CodedError('link_closed');
    return this.#hello;
  }

  get heardMs(): number {
    return this.#heardMs;
  }

  get closed(): Promise<CodedError | undefined> {
    return this.#closed.promise;
  }

  send(message: ToCage): void {
    this.#session.session.send(inWordsOf(this.hello.version, message));
  }

  acknowledged(): Promise<void> {
    return this.#session.session.acknowledged();
  }

  caughtUp(): Promise<void> {
    return this.#session.session.inbox.caughtUp();
  }

  async close(): Promise<void> {
    this.#end(undefined);
    await this.#running;
  }

  async ready(): Promise<void> {
    const { signal } = this.#options;
    const abort = (): void =>
      this.#end(
        this.#met ??
          new CodedError('link_closed', { reason: 'the wait was ended' }, { cause: signal?.reason }),
      );
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort, { once: true });
    try {
      await this.#ready.promise;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  #greeted(hello: HelloMessage): void {
    if (hello.cageId !== this.#options.cageId) throw new CodedError('link_unauthenticated');
    this.#hello = hello;
    if (!this.#handlerFails) this.#backoffMs = FIRST_BACKOFF_MS;
    this.#met = undefined;
    this.#options.onHello?.(hello);
    this.#options.onState?.('connected');
    this.#ready.resolve();
  }

  #refused(error: CodedError): void {
    this.#met = error;
    if (error.verdict === 'final') this.#end(error);
  }

  #end(reason: CodedError | undefined): void {
    if (this.#ending.signal.aborted) return;
    this.#reason = reason;
    this.#session.session.close();
    this.#ending.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      this.#options.onState?.('connecting');
      await this.#connect(signal).catch((error: unknown) => this.#refused(toCodedError(error)));
      await pause(this.#nextBackoffMs(), undefined, { signal }).catch(() => undefined);
    }
    this.#secret.fill(0);
    this.#options.onState?.('closed');
    this.#ready.reject(this.#reason ?? new CodedError('link_closed'));
    this.#closed.resolve(this.#reason);
  }

  #nextBackoffMs(): number {
    const backoffMs = this.#backoffMs;
    this.#backoffMs = Math.min(LAST_BACKOFF_MS, backoffMs * 2);
    return backoffMs * (0.5 + Math.random() / 2);
  }

  /** One connection, until it is gone. */
  async #connect(signal: AbortSignal): Promise<void> {
    const { capability, cageId, gate } = this.#options;
    const raw = await attachToLink({
      gate: typeof gate === 'function' ? gate() : gate,
      capability: typeof capability === 'string' ? capability : capability(),
      timeoutMs: GATE_TIMEOUT_MS,
      signal,
    });
    const tls = await secureLink(raw, this.#secret, cageId, TLS_TIMEOUT_MS);
    if (signal.aborted) tls.destroy();
    else await this.#converse(tls, signal);
  }

  #converse(tls: TLSSocket, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      let heardMs = performance.now();
      const connection: LinkConnection = this.#session.connect({
        write: (bytes) => void tls.write(bytes),
        pause: () => void tls.pause(),
        resume: () => void tls.resume(),
        close: () => closeSoon(tls),
        later: (run) => void setTimeout(run, ACK_WITHIN_MS),
      });
      const pulse = setInterval(() => {
        if (this.#session.session.connection === connection) this.#session.session.keepAlive();
        // Nothing is heard of a stream that is not read.
        if (tls.isPaused()) this.#heardMs = heardMs = performance.now();
        if (performance.now() - heardMs > this.#pulse.silenceMs) tls.destroy();
      }, this.#pulse.pulseMs);
      const abort = (): void => connection.close();
      signal.addEventListener('abort', abort, { once: true });
      tls.on('data', (chunk: Buffer) => {
        this.#heardMs = heardMs = performance.now();
        connection.receive(chunk);
      });
      tls.once('end', () => tls.destroy());
      tls.once('close', () => {
        clearInterval(pulse);
        signal.removeEventListener('abort', abort);
        connection.close();
        resolve();
      });
    });
  }
}

const CLOSE_MS = 1_000;

/** Ends the stream after what was written, or at once where the other end does not take it. */
function closeSoon(tls: TLSSocket): void {
  tls.destroySoon();
  setTimeout(() => tls.destroy(), CLOSE_MS).unref();
}
