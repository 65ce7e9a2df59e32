import type { FastifyInstance, FastifyRequest } from 'fastify';
import { CodedError } from '#errors/coded-error.ts';
import { offHeap, Secret } from '#secret/secret.ts';

/** A body that brought a key. `fields` is the JSON with every character of the key replaced, so that it can be checked like any other. */
export class SecretBody implements Disposable {
  readonly fields: unknown;
  readonly secret: Secret | undefined;

  constructor(fields: unknown, secret: Secret | undefined) {
    this.fields = fields;
    this.secret = secret;
  }

  [Symbol.dispose](): void {
    this.secret?.wipe();
  }
}

/** The routes of this scope get a SecretBody: the key is never a string, and what carried it is overwritten. */
export function takeSecretBodies(app: FastifyInstance, limitBytes: number): void {
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser(
    'application/json',
    async (request: FastifyRequest, payload: AsyncIterable<Buffer>) => {
      if (Number(request.headers['content-length'] ?? 0) > limitBytes)
        throw new CodedError('request_too_large', { limitBytes });
      const body = await collect(payload, limitBytes);
      try {
        return splitSecret(body);
      } finally {
        body.fill(0);
      }
    },
  );
}

/** All chunks in one buffer of ours; each chunk is overwritten once it was copied. `request_too_large`. */
async function collect(payload: AsyncIterable<Buffer>, limitBytes: number): Promise<Buffer> {
  const body = offHeap(limitBytes);
  let length = 0;
  for await (const chunk of payload) {
    const fits = length + chunk.length <= limitBytes;
    if (fits) chunk.copy(body, length);
    chunk.fill(0);
    length += chunk.length;
  }
  if (length > limitBytes) {
    body.fill(0);
    throw new CodedError('request_too_large', { limitBytes });
  }
  return body.subarray(0, length);
}

const [QUOTE, BACKSLASH, COLON, OPEN, CLOSE, LIST, LIST_END, MASK] = [...Buffer.from('"\\:{}[]*')] as [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
];
const NAME = Buffer.from('"secret"');

/** Takes the value of the top-level member `secret` out of a JSON text (RFC 8259), in place. `request_invalid` for what is no JSON. */
export function splitSecret(body: Buffer): SecretBody {
  let secret: Secret | undefined;
  let depth = 0;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at];
    if (byte === OPEN || byte === LIST) depth++;
    else if (byte === CLOSE || byte === LIST_END) depth--;
    else if (byte === QUOTE) {
      const end = endOfString(body, at);
      const value =
        depth === 1 && body.subarray(at, end + 1).equals(NAME) ? valueAfter(body, end + 1) : undefined;
      if (value !== undefined) {
        secret?.wipe();
        const valueEnd = endOfString(body, value);
        secret = takeString(body.subarray(value + 1, valueEnd));
        at = valueEnd;
      } else at = end;
    }
  }
  try {
    return new SecretBody(JSON.parse(body.toString('utf8')), secret);
  } catch {
    secret?.wipe();
    throw new CodedError('request_invalid', { reason: 'the body is not valid JSON' });
  }
}

/** Where the string that begins at `start` has its closing quote; the end of the text where it has none. */
function endOfString(body: Buffer, start: number): number {
  for (let at = start + 1; at < body.length; at++) {
    if (body[at] === BACKSLASH) at++;
    else if (body[at] === QUOTE) return at;
  }
  return body.length;
}

/** Where the string begins that is the value of the member whose name has just ended; `undefined` where no string is. */
function valueAfter(body: Buffer, after: number): number | undefined {
  const colon = skipSpace(body, after);
  const value = skipSpace(body, colon + 1);
  return body[colon] === COLON && body[value] === QUOTE ? value : undefined;
}

function skipSpace(body: Buffer, from: number): number {
  let at = from;
  while (body[at] === 0x20 || body[at] === 0x09 || body[at] === 0x0a || body[at] === 0x0d) at++;
  return at;
}

/** Copies the value without its escapes, of which printable ASCII needs `\"`, `\\` and `\/`, and masks what is printable; the rest fails the schema. */
function takeString(value: Buffer): Secret {
  const bytes = offHeap(value.length);
  let length = 0;
  for (let at = 0; at < value.length; at++) {
    const escaped = value[at] === BACKSLASH;
    if (escaped && /[^"\\/]/.test(String.fromCharCode(value[at + 1] ?? 0))) {
      throw new CodedError('request_invalid', {
        fields: [{ field: 'secret', problem: 'printable ASCII without escapes' }],
      });
    }
    if (escaped) value[at++] = MASK;
    bytes[length++] = value[at]!;
    if (value[at]! > 0x20 && value[at]! < 0x7f) value[at] = MASK;
  }
  return new Secret(bytes.subarray(0, length));
}
