import { CodedError, toCodedError } from '#errors/coded-error.ts';
import type { DecodedFrame } from './frames-decoder.ts';
import { LinkConnection, type LinkTransport } from './link-connection.ts';
import {
  resumeMessage,
  toCage,
  type FromCage,
  type HelloMessage,
  type ResumeMessage,
  type ToCage,
} from './link-messages.ts';
import { AckedEvents } from './link-acked-events.ts';
import type { OutboxLimits, Urgency } from './link-outbox.ts';
import { LinkSession } from './link-session.ts';
import { mayHaveActed } from './may-have-acted.ts';
import { messageParser, PASSED_OVER } from './link-parse.ts';
import { TELLS_CLOCK } from './link-words.ts';
import {
  highestCommon,
  isNewer,
  PROTOCOL,
  TELLS_VERSIONS,
  versionsIn,
  versionsOf,
  type VersionRange,
} from './link-versions.ts';

/** What the cage says of itself to each controller; the session adds versions and numbers. */
export type CageHello = Pick<HelloMessage, 'cageId' | 'meterPublicKey' | 'proof' | 'task'>;

export interface ControllerState {
  readonly connected: boolean;
  readonly epoch: number;
  /** Of the protocol, as it is spoken with this controller. */
  readonly version: number;
  /** This controller's epoch is newer than any before: what an older one was asked and did not answer has to be asked again. */
  readonly fresh: boolean;
}

export interface CageSessionOptions {
  readonly hello: () => Promise<CageHello> | CageHello;
  readonly onMessage: (message: ToCage, seq: number) => Promise<void> | void;
  readonly onController: (state: ControllerState) => void;
  /** Something that came was refused, or a handler failed; the connection is closed already. */
  readonly onError?: ((error: CodedError) => void) | undefined;
  readonly limits?: OutboxLimits | undefined;
  readonly protocol?: VersionRange | undefined;
  /** The cage's clock now: see `HelloMessage.clockMs`. */
  readonly clockMs?: (() => number) | undefined;
}

/** What a controller wants, and how it is spoken with. */
interface Claim {
  readonly resume: ResumeMessage;
  readonly version: number;
  readonly isNewer: boolean;
}

/**
 * The cage's end of the link, for the cage's whole life and over all its controllers. The newest epoch is obeyed: an older one is refused with
 * `link_superseded`, a newer one takes over, and the same one may come back on a new connection. Its own numbering never begins anew.
 */
export class CageSession {
  readonly #options: CageSessionOptions;
  readonly #session: LinkSession<FromCage, ToCage>;
  readonly #events: AckedEvents;
  /** The newest task whose agent acted. */
  #acted: string | undefined;
  readonly #protocol: VersionRange;
  #epoch = 0;
  #version: number;
  /** The connection of the controller that is obeyed, from its `resume` on. */
  #claim: LinkConnection | undefined;

  constructor(options: CageSessionOptions) {
    this.#options = options;
    this.#protocol = options.protocol ?? PROTOCOL;
    this.#version = this.#protocol.oldest;
    this.#session = new LinkSession<FromCage, ToCage>({
      lastSeq: 0,
      parse: messageParser<ToCage>(toCage),
      onMessage: options.onMessage,
      onHandlerFailed: (error) => options.onError?.(toCodedError(error)),
      limits: options.limits,
    });
    this.#events = new AckedEvents(this.#session.outbox);
  }

  /** See `LinkSession.send`. */
  send(message: FromCage, urgency?: Urgency): boolean {
    const kept = this.#session.send(message, urgency);
    if (kept && message.type === 'event') this.#events.sent(message.taskId);
    if (kept && mayHaveActed(message) && 'taskId' in message) this.#acted = message.taskId;
    return kept;
  }

  get session(): Pick<
    LinkSession<FromCage, ToCage>,
    'acknowledged' | 'keepAlive' | 'close' | 'outbox' | 'connection'
  > {
    return this.#session;
  }

  /** The version that is spoken with the newest controller; the oldest of all before there was one. */
  get version(): number {
    return this.#version;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** A new connection of some controller, which has to speak first. */
  accept(transport: LinkTransport): LinkConnection {
    const connection: LinkConnection = new LinkConnection(transport, {
      frame: (frame) => this.#take(connection, frame),
      failed: (error) => this.#refuse(connection, error),
    });
    return connection;
  }

  /** The stream of this connection is gone. */
  ended(connection: LinkConnection): void {
    connection.close();
    if (this.#claim !== connection) return;
    this.#claim = undefined;
    this.#options.onController({
      connected: false,
      epoch: this.#epoch,
      version: this.#version,
      fresh: false,
    });
  }

  #take(connection: LinkConnection, frame: DecodedFrame): void {
    if (frame.kind !== 'handshake') return this.#session.take(connection, frame);
    if (this.#claim === connection) throw new CodedError('link_frame_invalid', { part: 'order' });
    this.#resume(connection, parseResume(frame.payload, this.#protocol));
  }

  #resume(connection: LinkConnection, { resume, version, isNewer: withNewer }: Claim): void {
    if (resume.epoch < this.#epoch) throw new CodedError('link_superseded', { epoch: this.#epoch });
    this.#session.peerHandled(resume.lastSeq);
    const fresh = resume.epoch > this.#epoch;
    const previous = this.#claim;
    this.#epoch = resume.epoch;
    this.#version = version;
    this.#claim = connection;
    if (fresh) this.#session.restartInbox(0);
    if (fresh && previous !== undefined)
      this.#refuse(previous, new CodedError('link_superseded', { epoch: resume.epoch }));
    previous?.close();
    void this.#welcome(connection, fresh, withNewer);
  }

  async #welcome(connection: LinkConnection, fresh: boolean, withNewer: boolean): Promise<void> {
    try {
      const hello = await this.#options.hello();
      if (this.#claim !== connection || !connection.open) return;
      connection.handshake(this.#hello(hello));
      this.#session.begin(connection, withNewer);
      this.#options.onController({ connected: true, epoch: this.#epoch, version: this.#version, fresh });
    } catch (error) {
      this.#refuse(connection, toCodedError(error));
    }
  }

  #hello({ task, ...hello }: CageHello): HelloMessage {
    return {
      type: 'hello',
      version: this.#version,
      ...(this.#version >= TELLS_VERSIONS && { versions: versionsOf(this.#protocol) }),
      epoch: this.#epoch,
      lastSeq: this.#session.inbox.handled,
      nextSeq: this.#session.outbox.acked + 1,
      ...(this.#version >= TELLS_CLOCK && this.#options.clockMs && { clockMs: this.#options.clockMs() }),
      ...hello,
      ...(task && { task: { ...task, ...this.#toldOf(task.taskId) } }),
    };
  }

  /** What a controller before this one may have known, and taken with it. */
  #toldOf(task: string): Partial<NonNullable<HelloMessage['task']>> {
    if (this.#version < TELLS_CLOCK) return {};
    const ackedEvent = this.#events.lastOf(task);
    return {
      ...(ackedEvent !== undefined && { ackedEvent }),
      ...(this.#acted === task && { acted: true }),
    };
  }

  #refuse(connection: LinkConnection, error: CodedError): void {
    connection.handshake({ type: 'refuse', error: error.toBody() });
    connection.close();
    this.#options.onError?.(error);
  }
}

const parse = messageParser<ResumeMessage>(resumeMessage);

function parseResume(payload: unknown, own: VersionRange): Claim {
  const offered = versionsIn(payload) ?? [];
  const version = offered.length > 0 ? highestCommon(own, offered) : own.oldest;
  const newer = isNewer(own, offered);
  const resume = parse(payload, newer);
  if (resume === PASSED_OVER || ![resume.epoch, resume.lastSeq].every(isCount))
    throw new CodedError('link_message_unknown', { handshake: true });
  return { resume, version, isNewer: newer };
}

const isCount = (n: number): boolean => Number.isSafeInteger(n) && n >= 0;
