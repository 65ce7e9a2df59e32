import { badImage } from './bad-image.ts';
import type { CleanedImage, PixelSize } from './cleaned-image.ts';
import { withoutLocation } from './exif.ts';

const HEAD_BYTES = 12;
const CHUNK_HEAD_BYTES = 8;
const XMP_FLAG = 0x04;
const EXIF_FLAG = 0x08;
/** Some programs put the mark of a JPEG's EXIF before it. */
const JPEG_MARK = Buffer.from('Exif\0\0', 'latin1');

export function isWebp(bytes: Buffer): boolean {
  return bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WEBP';
}

/** Walks the chunks of a WebP (RFC 9649), still or animated; what comes behind the length that it states is left out. */
export function cleanWebp(bytes: Buffer): CleanedImage {
  const end = CHUNK_HEAD_BYTES + bytes.readUInt32LE(4);
  if (end > bytes.length) throw badImage('the WebP breaks off before its end');
  const kept: Chunk[] = [];
  let size: PixelSize | undefined;
  let pixels = false;
  for (let at = HEAD_BYTES; at < end;) {
    if (at + CHUNK_HEAD_BYTES > end) throw badImage('the WebP breaks off before its end');
    const type = bytes.toString('latin1', at, at + 4);
    const length = bytes.readUInt32LE(at + 4);
    const data = bytes.subarray(at + CHUNK_HEAD_BYTES, at + CHUNK_HEAD_BYTES + length);
    at += CHUNK_HEAD_BYTES + length + (length % 2);
    if (data.length < length || at > end) throw badImage('the WebP breaks off before its end');
    size ??= sizeIn(type, data);
    pixels ||= type === 'VP8 ' || type === 'VP8L' || type === 'ANMF';
    kept.push(...cleanChunk(type, data));
  }
  if (size === undefined || !pixels) throw badImage('the WebP holds no picture');
  return { ...size, bytes: whole(kept) };
}

interface Chunk {
  readonly type: string;
  readonly data: Buffer;
}

function cleanChunk(type: string, data: Buffer): Chunk[] {
  if (type === 'XMP ') return [];
  if (type !== 'EXIF') return [{ type, data }];
  const marked = data.subarray(0, JPEG_MARK.length).equals(JPEG_MARK);
  const exif = withoutLocation(marked ? data.subarray(JPEG_MARK.length) : data);
  return exif === undefined ? [] : [{ type, data: exif }];
}

/** With the flags of what is no longer there taken back. */
function whole(chunks: readonly Chunk[]): Buffer {
  const body = Buffer.concat(chunks.flatMap(framed));
  const gone = XMP_FLAG | (chunks.some(({ type }) => type === 'EXIF') ? 0 : EXIF_FLAG);
  if (chunks[0]?.type === 'VP8X') body[CHUNK_HEAD_BYTES]! &= ~gone;
  const head = Buffer.alloc(HEAD_BYTES);
  head.write('RIFF', 0, 'latin1');
  head.writeUInt32LE(4 + body.length, 4);
  head.write('WEBP', 8, 'latin1');
  return Buffer.concat([head, body]);
}

function framed({ type, data }: Chunk): Buffer[] {
  const head = Buffer.alloc(CHUNK_HEAD_BYTES);
  head.write(type, 0, 'latin1');
  head.writeUInt32LE(data.length, 4);
  return [head, data, Buffer.alloc(data.length % 2)];
}

/** The first chunk says it, in a way of its own for each of the three forms. */
function sizeIn(type: string, data: Buffer): PixelSize {
  if (type === 'VP8X' && data.length >= 10)
    return { width: data.readUIntLE(4, 3) + 1, height: data.readUIntLE(7, 3) + 1 };
  if (type === 'VP8L' && data.length >= 5 && data[0] === 0x2f) {
    const bits = data.readUInt32LE(1);
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  if (type === 'VP8 ' && data.length >= 10 && data.readUIntBE(3, 3) === 0x9d012a)
    return { width: data.readUInt16LE(6) & 0x3fff, height: data.readUInt16LE(8) & 0x3fff };
  throw badImage('the WebP is damaged: its first part');
}
