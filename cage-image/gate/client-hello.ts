import { CodedError } from '#errors/coded-error.ts';

/** A ClientHello with post-quantum keys is about 2 kB; what needs more than this is not one. */
export const HELLO_LIMIT = 32 * 1024;

export type HelloReading =
  { readonly done: false } | { readonly done: true; readonly serverName: string | undefined };

const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const RECORD_LIMIT = 16_384;

/**
 * Reads the server name of a ClientHello (RFC 8446 section 4.1.2, RFC 6066 section 3) from the first bytes of a stream, however records and
 * segments cut it. `done: false` asks for more bytes. Errors: `gate_not_tls` for whatever is not one well-formed ClientHello.
 */
export function readClientHello(bytes: Buffer): HelloReading {
  const message = joinRecords(bytes);
  if (message.length < 4) return more(bytes);
  if (message.readUInt8(0) !== CLIENT_HELLO) throw notTls();
  const length = message.readUIntBE(1, 3);
  if (length > HELLO_LIMIT) throw notTls();
  if (message.length < 4 + length) return more(bytes);
  return { done: true, serverName: serverName(new Cursor(message.subarray(4, 4 + length))) };
}

function more(bytes: Buffer): HelloReading {
  if (bytes.length >= HELLO_LIMIT) throw notTls();
  return { done: false };
}

/** The handshake bytes of the records that have come, the last of which may be incomplete. */
function joinRecords(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    if (bytes.readUInt8(at) !== HANDSHAKE_RECORD) {
      // After a whole ClientHello anything may follow.
      if (at > 0 && isWhole(parts)) break;
      throw notTls();
    }
    if (at + 1 < bytes.length && bytes.readUInt8(at + 1) !== 3) throw notTls();
    if (at + 5 > bytes.length) break;
    const length = bytes.readUInt16BE(at + 3);
    if (length === 0 || length > RECORD_LIMIT) throw notTls();
    parts.push(bytes.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
}

function isWhole(parts: Buffer[]): boolean {
  const message = Buffer.concat(parts);
  return message.length >= 4 && message.length >= 4 + message.readUIntBE(1, 3);
}

function serverName(hello: Cursor): string | undefined {
  hello.take(2 + 32);
  hello.block(1);
  hello.block(2);
  hello.block(1);
  if (hello.ended) return undefined;
  const extensions = hello.block(2);
  if (!hello.ended) throw notTls();
  let found: string | undefined;
  while (!extensions.ended) {
    const type = extensions.number(2);
    const body = extensions.block(2);
    if (type !== SERVER_NAME) continue;
    if (found !== undefined) throw notTls();
    found = nameOf(body);
  }
  return found;
}

/** RFC 6066 allows one name of each type, and host names are the only type. */
function nameOf(body: Cursor): string {
  const list = body.block(2);
  if (list.number(1) !== HOST_NAME) throw notTls();
  const name = list.block(2).rest();
  if (!list.ended || !body.ended || name.length === 0) throw notTls();
  return name.toString('latin1');
}

class Cursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get ended(): boolean {
    return this.#at === this.#bytes.length;
  }

  take(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw notTls();
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  number(bytes: number): number {
    return this.take(bytes).readUIntBE(0, bytes);
  }

  /** A vector behind its length of so many bytes. */
  block(lengthBytes: number): Cursor {
    return new Cursor(this.take(this.number(lengthBytes)));
  }

  rest(): Buffer {
    return this.take(this.#bytes.length - this.#at);
  }
}

const notTls = (): CodedError => new CodedError('gate_not_tls');
