import { badImage } from './bad-image.ts';
import type { CleanedImage } from './cleaned-image.ts';

const HEAD_BYTES = 13;
const IMAGE = 0x2c;
const EXTENSION = 0x21;
const TRAILER = 0x3b;
const APPLICATION = 0xff;
const XMP = 'XMP DataXMP';

export function isGif(bytes: Buffer): boolean {
  return /^GIF8[79]a$/.test(bytes.toString('latin1', 0, 6));
}

/** Walks the blocks of a GIF (version 89a), animated or not; XMP and what comes behind the end are left out. */
export function cleanGif(bytes: Buffer): CleanedImage {
  if (bytes.length < HEAD_BYTES) throw badImage('the GIF breaks off before its end');
  let at = HEAD_BYTES + tableBytes(bytes[10]!);
  const kept: Buffer[] = [bytes.subarray(0, at)];
  let pictures = 0;
  while (bytes[at] !== TRAILER) {
    const end = endOfBlock(bytes, at);
    if (bytes[at] === IMAGE) pictures += 1;
    if (!isXmp(bytes, at)) kept.push(bytes.subarray(at, end));
    at = end;
  }
  if (pictures === 0) throw badImage('the GIF holds no picture');
  kept.push(Buffer.from([TRAILER]));
  return { width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8), bytes: Buffer.concat(kept) };
}

function endOfBlock(bytes: Buffer, at: number): number {
  if (bytes[at] === EXTENSION) return endOfPieces(bytes, at + 2);
  if (bytes[at] === IMAGE) {
    const flags = bytes[at + 9];
    if (flags !== undefined) return endOfPieces(bytes, at + 10 + tableBytes(flags) + 1);
  }
  throw badImage(at >= bytes.length ? 'the GIF breaks off before its end' : 'the GIF is damaged');
}

/** Pieces of at most 255 bytes, each after its length, up to one of none. */
function endOfPieces(bytes: Buffer, begin: number): number {
  let at = begin;
  for (let length = bytes[at]; length !== undefined; length = bytes[at]) {
    at += 1 + length;
    if (length === 0) return at;
  }
  throw badImage('the GIF breaks off before its end');
}

const isXmp = (bytes: Buffer, at: number): boolean =>
  bytes[at] === EXTENSION &&
  bytes[at + 1] === APPLICATION &&
  bytes.toString('latin1', at + 3, at + 3 + XMP.length) === XMP;

/** Of a table of colours, as its flags state it. */
const tableBytes = (flags: number): number => ((flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1));
