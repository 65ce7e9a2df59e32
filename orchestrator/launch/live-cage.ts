import type { FromCage, HelloMessage, ToCage } from '#protocol/link-messages.ts';
import { CageClock } from './cage-clock.ts';

/** What a LiveCage needs of the link: see orchestrator/link. */
export interface CageConnection {
  readonly hello: HelloMessage;
  /** By `performance.now()`: when something of the cage was last heard. */
  readonly heardMs: number;
  send(message: ToCage): void;
  /** Resolves when the cage has handled all that was sent until now. */
  acknowledged(): Promise<void>;
  /** Resolves when all that has come from the cage until now is handled. */
  caughtUp(): Promise<void>;
  close(): Promise<void>;
}

/** `seq` is the cage's number of the message: the same where it comes again. */
export type CageHandler = (message: FromCage, seq: number) => Promise<void>;

/**
 * A cage whose link is up. Messages wait, in order and unacknowledged, until somebody handles them; the handler can be replaced, since a
 * warm spare gets its task later.
 */
export class LiveCage {
  readonly cageId: string;
  /** The epoch under which this process controls the cage. */
  readonly epoch: number;
  /** The Claw as of then is what it was made for. */
  readonly madeFor: Date;
  /** When it was last made ready for a task; by `performance.now()`. */
  readySinceMs = performance.now();
  #connection: CageConnection | undefined;
  #handler = Promise.withResolvers<CageHandler>();
  #hasHandler = false;
  #renewed: Pick<HelloMessage, 'meterPublicKey' | 'proof'> | undefined;
  #quiet = Promise.withResolvers<void>();
  #pings = 0;
  readonly #asked = new Map<number, () => void>();
  /** Not known where the cage is of a release that does not tell it. */
  readonly clock = new CageClock(() => this.ping());

  constructor(cageId: string, epoch: number, madeFor: Date) {
    this.cageId = cageId;
    this.epoch = epoch;
    this.madeFor = madeFor;
  }

  attach(connection: CageConnection): void {
    this.#connection = connection;
    this.clock.heard(connection.hello.clockMs);
  }

  get hello(): HelloMessage {
    return { ...this.#connected().hello, ...this.#renewed };
  }

  /** See `CageConnection`. */
  get heardMs(): number {
    return this.#connected().heardMs;
  }

  /** Asks for a sign of life. */
  ping(): void {
    try {
      this.send({ type: 'ping', id: ++this.#pings });
    } catch {
      // The link is closed, or full: nothing will be heard then.
    }
  }

  /** Whether it can take a task now: warden and meter answer in time. */
  async answers(withinMs: number): Promise<boolean> {
    const late = Promise.withResolvers<false>();
    const timer = setTimeout(() => late.resolve(false), withinMs);
    const id = this.#pings + 1;
    const answered = new Promise<true>((resolve) => this.#asked.set(id, () => resolve(true)));
    this.ping();
    return Promise.race([answered, late.promise]).finally(() => {
      clearTimeout(timer);
      this.#asked.delete(id);
    });
  }

  /** It was emptied after a task, and has a new meter. */
  renew(ready: Pick<HelloMessage, 'meterPublicKey' | 'proof'>): void {
    this.#renewed = ready;
    this.readySinceMs = performance.now();
  }

  handle(handler: CageHandler): void {
    if (this.#hasHandler) this.#handler = Promise.withResolvers();
    this.#hasHandler = true;
    this.#handler.resolve(handler);
  }

  async receive(message: FromCage, seq: number): Promise<void> {
    if (message.type === 'pong') {
      this.clock.heard(message.clockMs);
      return this.#asked.get(message.id)?.();
    }
    const handler = await this.#handler.promise;
    await handler(message, seq);
  }

  /** The message at hand is dealt with, and will be acknowledged before anything else is said. */
  dealtWith(): void {
    setImmediate(this.#quiet.resolve);
    this.#quiet = Promise.withResolvers();
  }

  /** Resolves when the message at hand is acknowledged ahead of whatever is sent from then on. */
  quiet(): Promise<void> {
    return this.#quiet.promise;
  }

  send(message: ToCage): void {
    this.#connected().send(message);
  }

  /** Resolves when the cage has taken it, and what the cage said before that is handled. Errors: `link_closed`, where it may have taken it all the same. */
  async deliver(message: ToCage): Promise<void> {
    const connection = this.#connected();
    connection.send(message);
    await connection.acknowledged();
    await connection.caughtUp();
  }

  /** True when all that has come from the cage until now is handled; false where that takes longer. */
  async heard(withinMs: number): Promise<boolean> {
    const late = Promise.withResolvers<false>();
    const timer = setTimeout(() => late.resolve(false), withinMs);
    const caughtUp = this.#connected()
      .caughtUp()
      .then(() => true);
    return Promise.race([caughtUp, late.promise]).finally(() => clearTimeout(timer));
  }

  /** Lets go of the link; the cage itself runs on. */
  async release(): Promise<void> {
    await this.#connection?.close();
  }

  #connected(): CageConnection {
    if (!this.#connection) throw new Error('The link of this cage was never up.');
    return this.#connection;
  }
}
