import * as z from 'zod/mini';
import { CodedError, fromBody } from '#errors/coded-error.ts';
import type { DecodedFrame } from './frames-decoder.ts';
import { LinkConnection, type LinkTransport } from './link-connection.ts';
import {
  fromCage,
  helloMessage,
  refuseMessage,
  type FromCage,
  type HelloMessage,
  type RefuseMessage,
  type ResumeMessage,
  type ToCage,
} from './link-messages.ts';
import type { OutboxLimits } from './link-outbox.ts';
import { LinkSession } from './link-session.ts';
import { messageParser, PASSED_OVER } from './link-parse.ts';
import {
  highestCommon,
  isNewer,
  PROTOCOL,
  versionsIn,
  versionsOf,
  type VersionRange,
} from './link-versions.ts';

export interface ControllerSessionOptions {
  readonly epoch: number;
  /** The last message of the cage that was handled, as it was persisted. */
  readonly lastSeq: number;
  readonly onHello: (hello: HelloMessage) => void;
  readonly onMessage: (message: FromCage, seq: number) => Promise<void> | void;
  readonly onHandlerFailed: (error: unknown) => void;
  /** No connection can succeed any more: refused, or the other end does not keep to the protocol. */
  readonly onFatal: (error: CodedError) => void;
  readonly limits?: OutboxLimits | undefined;
  readonly protocol?: VersionRange | undefined;
}

/** The controller's end of the link to one cage, for one epoch and over all its connections. */
export class ControllerSession {
  readonly #options: ControllerSessionOptions;
  readonly #session: LinkSession<ToCage, FromCage>;
  readonly #protocol: VersionRange;
  #greeted = false;

  constructor(options: ControllerSessionOptions) {
    this.#options = options;
    this.#protocol = options.protocol ?? PROTOCOL;
    this.#session = new LinkSession<ToCage, FromCage>({
      lastSeq: options.lastSeq,
      parse: messageParser<FromCage>(fromCage),
      onMessage: options.onMessage,
      onHandlerFailed: options.onHandlerFailed,
      limits: options.limits,
    });
  }

  get session(): Pick<
    LinkSession<ToCage, FromCage>,
    'send' | 'acknowledged' | 'keepAlive' | 'close' | 'inbox' | 'outbox' | 'connection'
  > {
    return this.#session;
  }

  /** A new connection to the cage: says `resume`. */
  connect(transport: LinkTransport): LinkConnection {
    const connection: LinkConnection = new LinkConnection(transport, {
      frame: (frame) => this.#take(connection, frame),
      failed: (error) => {
        connection.close();
        this.#options.onFatal(error);
      },
    });
    connection.handshake({
      type: 'resume',
      versions: versionsOf(this.#protocol),
      epoch: this.#options.epoch,
      lastSeq: this.#session.inbox.handled,
    } satisfies ResumeMessage);
    return connection;
  }

  #take(connection: LinkConnection, frame: DecodedFrame): void {
    if (frame.kind !== 'handshake') return this.#session.take(connection, frame);
    const answer = parseAnswer(frame.payload, this.#protocol);
    if (answer.type === 'refuse') throw fromBody({ code: answer.error.code, details: answer.error.details });
    if (this.#session.connection === connection)
      throw new CodedError('link_frame_invalid', { part: 'order' });
    this.#greet(connection, answer);
  }

  #greet(connection: LinkConnection, hello: HelloMessage): void {
    highestCommon(this.#protocol, [hello.version]);
    if (hello.epoch !== this.#options.epoch) throw new CodedError('link_sequence', { epoch: hello.epoch });
    this.#session.peerHandled(hello.lastSeq);
    this.#catchUp(hello.nextSeq);
    this.#greeted = true;
    this.#options.onHello(hello);
    this.#session.begin(connection, isNewer(this.#protocol, hello.versions ?? []));
  }

  /** At first a gap only means that an earlier controller handled more than it persisted; later on it is a loss. */
  #catchUp(nextSeq: number): void {
    const expected = this.#session.inbox.accepted + 1;
    if (nextSeq <= expected) return;
    if (this.#greeted) throw new CodedError('link_sequence', { expected, received: nextSeq });
    this.#session.restartInbox(nextSeq - 1);
  }
}

const parse = messageParser<HelloMessage | RefuseMessage>(
  z.discriminatedUnion('type', [helloMessage, refuseMessage]),
);

function parseAnswer(payload: unknown, own: VersionRange): HelloMessage | RefuseMessage {
  const answer = parse(payload, isNewer(own, versionsIn(payload) ?? []));
  if (answer === PASSED_OVER) throw new CodedError('link_message_unknown', { handshake: true });
  return answer;
}
