import type { CodedError } from '#errors/coded-error.ts';
import { CageSession } from '#protocol/link-cage.ts';
import type { LinkConnection, LinkTransport } from '#protocol/link-connection.ts';
import { ControllerSession } from '#protocol/link-controller.ts';
import type { FromCage, ToCage } from '#protocol/link-messages.ts';

/** Bytes on the way in one direction; frames are known, so that whole ones can be repeated. */
export class Way {
  #pending: Buffer[] = [];
  #written: Buffer[] = [];
  #intoFrame = 0;

  write(bytes: Uint8Array): void {
    this.#pending.push(Buffer.from(bytes));
    this.#written.push(Buffer.from(bytes));
  }

  get waiting(): number {
    return this.#pending.reduce((sum, bytes) => sum + bytes.length, 0);
  }

  /** Up to so many bytes, as one piece. */
  take(count: number): Buffer {
    const out: Buffer[] = [];
    let left = count;
    while (left > 0 && this.#pending[0] !== undefined) {
      const piece = this.#pending[0].subarray(0, left);
      out.push(piece);
      left -= piece.length;
      this.#intoFrame += piece.length;
      const rest = this.#pending[0].subarray(piece.length);
      if (rest.length > 0) this.#pending[0] = rest;
      else {
        this.#pending.shift();
        this.#intoFrame = 0;
      }
    }
    return Buffer.concat(out);
  }

  /** Puts a frame that was written before (not the handshake) at the next boundary once more. */
  repeat(which: number): void {
    const frames = this.#written.slice(1);
    const frame = frames[which % Math.max(1, frames.length)];
    const delivered = this.#written.length - this.#pending.length;
    if (frame === undefined || (which % frames.length) + 1 >= delivered) return;
    this.#pending.splice(this.#intoFrame > 0 ? 1 : 0, 0, frame);
  }
}

/** What is between a cage and its controllers: one connection at most, cut and made anew, whose bytes move when a test says so. */
export class Wire {
  readonly #cage: CageSession;
  #putOff: (() => void)[] = [];
  #now:
    | {
        readonly toCage: Way;
        readonly toController: Way;
        readonly cageEnd: LinkConnection;
        readonly controllerEnd: LinkConnection;
      }
    | undefined;

  constructor(cage: CageSession) {
    this.#cage = cage;
  }

  get connected(): boolean {
    return this.#now !== undefined;
  }

  /** Bytes that have not arrived; undefined where nothing is connected. */
  get waiting(): number | undefined {
    return this.#now && this.#now.toCage.waiting + this.#now.toController.waiting;
  }

  connect(controller: ControllerSession): void {
    this.disconnect();
    const toCage = new Way();
    const toController = new Way();
    const cageEnd = this.#cage.accept(this.#transport(toController));
    const controllerEnd = controller.connect(this.#transport(toCage));
    this.#now = { toCage, toController, cageEnd, controllerEnd };
  }

  disconnect(): void {
    const was = this.#now;
    this.#now = undefined;
    if (was === undefined) return;
    was.controllerEnd.close();
    this.#cage.ended(was.cageEnd);
  }

  async deliver(to: 'cage' | 'controller', bytes: number): Promise<void> {
    const now = this.#now;
    if (now === undefined) return;
    if (to === 'cage') now.cageEnd.receive(now.toCage.take(bytes));
    else now.controllerEnd.receive(now.toController.take(bytes));
    await settled();
    if (!now.cageEnd.open || !now.controllerEnd.open) this.disconnect();
  }

  repeat(to: 'cage' | 'controller', which: number): void {
    if (to === 'cage') this.#now?.toCage.repeat(which);
    else this.#now?.toController.repeat(which);
  }

  /** What both ends put off is done, also that of connections that are gone. */
  catchUp(): void {
    for (const run of this.#putOff.splice(0)) run();
  }

  #transport(way: Way): LinkTransport {
    return {
      write: (bytes) => way.write(bytes),
      pause: () => undefined,
      resume: () => undefined,
      close: () => undefined,
      later: (run) => void this.#putOff.push(run),
    };
  }
}

/** Both ends of a link over a network that a test moves byte by byte, with handlers that it lets go one by one. */
export class LinkSimulation {
  /** What the controllers' applications have handled, over all epochs. */
  readonly controllerSaw: number[] = [];
  /** What the cage's application has handled, by the epoch that sent it. */
  readonly cageSaw = new Map<number, number[]>();
  readonly fatal: CodedError[] = [];
  readonly cageErrors: CodedError[] = [];
  readonly cage: CageSession;
  #controller: ControllerSession;
  #epoch = 1;
  #persisted = 0;
  readonly #wire: Wire;
  #held: (() => void)[] = [];
  #cageSends = 0;
  #controllerSends = 0;

  constructor() {
    this.cage = new CageSession({
      hello: () => ({ cageId: 'cage', meterPublicKey: 'key', proof: { ok: true, checks: [] } }),
      onMessage: (message) => this.#hold(() => this.#cageHandled(message)),
      onController: () => undefined,
      onError: (error) => this.cageErrors.push(error),
    });
    this.#wire = new Wire(this.cage);
    this.#controller = this.#newController(1);
  }

  get sent(): { readonly byCage: number; readonly byController: number; readonly epoch: number } {
    return { byCage: this.#cageSends, byController: this.#controllerSends, epoch: this.#epoch };
  }

  cageSend(): void {
    this.cage.send({ type: 'pong', id: ++this.#cageSends });
  }

  controllerSend(): void {
    this.#controller.session.send({ type: 'ping', id: this.#epoch * 1_000_000 + ++this.#controllerSends });
  }

  connect(): void {
    this.#wire.connect(this.#controller);
  }

  disconnect(): void {
    this.#wire.disconnect();
  }

  /** A controller that starts anew, from the number that the last one persisted. */
  takeOver(): void {
    this.disconnect();
    this.#epoch++;
    this.#controllerSends = 0;
    this.#controller = this.#newController(this.#epoch);
  }

  deliver(to: 'cage' | 'controller', bytes: number): Promise<void> {
    return this.#wire.deliver(to, bytes);
  }

  repeat(to: 'cage' | 'controller', which: number): void {
    this.#wire.repeat(to, which);
  }

  catchUp(): void {
    this.#wire.catchUp();
  }

  /** Lets one handler finish. */
  async release(which: number): Promise<void> {
    const [go] = this.#held.splice(which % Math.max(1, this.#held.length), 1);
    go?.();
    await settled();
  }

  /** Lets everything arrive and be handled. */
  async finish(): Promise<void> {
    if (!this.#wire.connected) this.connect();
    await settled();
    this.#wire.catchUp();
    for (let { waiting } = this.#wire; waiting !== undefined; { waiting } = this.#wire) {
      if (waiting + this.#held.length === 0) return;
      await this.deliver('cage', Infinity);
      await this.deliver('controller', Infinity);
      while (this.#held.length > 0) await this.release(0);
      this.#wire.catchUp();
    }
  }

  #newController(epoch: number): ControllerSession {
    return new ControllerSession({
      epoch,
      lastSeq: this.#persisted,
      onHello: () => undefined,
      onMessage: (message, seq) => this.#hold(() => this.#controllerHandled(epoch, message, seq)),
      onHandlerFailed: () => undefined,
      onFatal: (error) => this.fatal.push(error),
    });
  }

  #hold(handled: () => void): Promise<void> {
    return new Promise((resolve) =>
      this.#held.push(() => {
        handled();
        resolve();
      }),
    );
  }

  #controllerHandled(epoch: number, message: FromCage, seq: number): void {
    // An older controller's write is fenced off by its epoch.
    if (epoch !== this.#epoch || message.type !== 'pong') return;
    this.#persisted = seq;
    this.controllerSaw.push(message.id);
  }

  #cageHandled(message: ToCage): void {
    if (message.type !== 'ping') return;
    const epoch = Math.floor(message.id / 1_000_000);
    this.cageSaw.set(epoch, [...(this.cageSaw.get(epoch) ?? []), message.id % 1_000_000]);
  }
}

/** Promises that are resolved have run their course. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
