import { CodedError } from '#errors/coded-error.ts';

export interface Line {
  readonly number: number;
  readonly bytes: Buffer;
}

const NEWLINE = 0x0a;
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/** Reads a body of JSON Lines (https://jsonlines.org), kept as bytes: the lines that are not blank, with their numbers from 1. `request_too_large` as soon as it has more bytes or lines than the limits. */
export async function readLines(
  body: AsyncIterable<Uint8Array>,
  limits: { readonly bytes: number; readonly lines: number },
): Promise<Line[]> {
  const lines: Line[] = [];
  let rest: Buffer[] = [];
  let number = 0;
  let total = 0;
  const end = (): void => {
    const bytes = withoutBom(Buffer.concat(rest), ++number);
    rest = [];
    if (isBlank(bytes)) return;
    if (lines.length >= limits.lines) throw new CodedError('request_too_large', { limitLines: limits.lines });
    lines.push({ number, bytes });
  };
  for await (const piece of body) {
    const chunk = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    total += chunk.length;
    if (total > limits.bytes) throw new CodedError('request_too_large', { limitBytes: limits.bytes });
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      rest.push(chunk.subarray(from, at));
      end();
      from = at + 1;
    }
    if (from < chunk.length) rest.push(chunk.subarray(from));
  }
  if (rest.length > 0) end();
  return lines;
}

const withoutBom = (bytes: Buffer, number: number): Buffer =>
  number === 1 && bytes.subarray(0, 3).equals(BOM) ? bytes.subarray(3) : bytes;

const isBlank = (bytes: Buffer): boolean =>
  bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
