import type { FromCage, HelloMessage, ToCage } from '#protocol/link-messages.ts';

/** What a LiveCage needs of the link: see orchestrator/link. */
export interface CageConnection {
  readonly hello: HelloMessage;
  send(message: ToCage): void;
  close(): Promise<void>;
}

export type CageHandler = (message: FromCage) => Promise<void>;

/**
 * A cage whose link is up. Messages wait, in order and unacknowledged, until somebody handles them; the handler can be replaced, since a
 * warm spare gets its task later.
 */
export class LiveCage {
  readonly cageId: string;
  /** The epoch under which this process controls the cage. */
  readonly epoch: number;
  #connection: CageConnection | undefined;
  #handler = Promise.withResolvers<CageHandler>();
  #hasHandler = false;

  constructor(cageId: string, epoch: number) {
    this.cageId = cageId;
    this.epoch = epoch;
  }

  attach(connection: CageConnection): void {
    this.#connection = connection;
  }

  get hello(): HelloMessage {
    return this.#connected().hello;
  }

  handle(handler: CageHandler): void {
    if (this.#hasHandler) this.#handler = Promise.withResolvers();
    this.#hasHandler = true;
    this.#handler.resolve(handler);
  }

  async receive(message: FromCage): Promise<void> {
    const handler = await this.#handler.promise;
    await handler(message);
  }

  send(message: ToCage): void {
    this.#connected().send(message);
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
