import { Buffer } from 'node:buffer';

export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** Camera data and colour profiles stand before the size of a JPEG; what has more of them counts as the largest. */
const MOST_HEAD_BYTES = 256 * 1024;

/**
 * The size in pixels of the image in a base64 data: URL, by the head of its bytes: PNG, JPEG, WebP or GIF. Undefined for everything else, and for what a
 * lenient reader might see otherwise: then the ceiling of the model counts.
 */
export function imageSize(url: string): ImageSize | undefined {
  const start = url.indexOf(',') + 1;
  const head = url.slice(start, start + (MOST_HEAD_BYTES / 3) * 4);
  // Nothing but the alphabet: readers differ in what they do with the rest.
  if (start === 0 || !/^[a-z0-9+/]+={0,2}$/i.test(head)) return undefined;
  const bytes = Buffer.from(head, 'base64');
  try {
    const size = png(bytes) ?? gif(bytes) ?? webp(bytes) ?? jpeg(bytes);
    return size !== undefined && size.width > 0 && size.height > 0 ? size : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

const text = (bytes: Buffer, from: number, to: number): string => bytes.toString('latin1', from, to);

/** https://www.w3.org/TR/png-3/#11IHDR: the first chunk. */
function png(bytes: Buffer): ImageSize | undefined {
  if (text(bytes, 0, 8) !== '\x89PNG\r\n\x1a\n' || text(bytes, 12, 16) !== 'IHDR') return undefined;
  return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
}

/** https://www.w3.org/Graphics/GIF/spec-gif89a.txt, sections 18 and 20. A picture that goes beyond its screen makes it larger for some readers. */
function gif(bytes: Buffer): ImageSize | undefined {
  if (!/^GIF8[79]a$/.test(text(bytes, 0, 6))) return undefined;
  const flags = bytes.readUInt8(10);
  let at = 13 + ((flags & 0x80) !== 0 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  while (bytes.readUInt8(at) === 0x21) {
    for (at += 2; bytes.readUInt8(at) !== 0;) at += bytes.readUInt8(at) + 1;
    at++;
  }
  if (bytes.readUInt8(at) !== 0x2c) return undefined;
  return {
    width: Math.max(bytes.readUInt16LE(6), bytes.readUInt16LE(at + 1) + bytes.readUInt16LE(at + 5)),
    height: Math.max(bytes.readUInt16LE(8), bytes.readUInt16LE(at + 3) + bytes.readUInt16LE(at + 7)),
  };
}

/** RFC 9649: lossy (VP8), lossless (VP8L) and extended (VP8X) files. */
function webp(bytes: Buffer): ImageSize | undefined {
  if (text(bytes, 0, 4) !== 'RIFF' || text(bytes, 8, 12) !== 'WEBP') return undefined;
  const kind = text(bytes, 12, 16);
  if (kind === 'VP8X') return { width: 1 + bytes.readUIntLE(24, 3), height: 1 + bytes.readUIntLE(27, 3) };
  if (kind === 'VP8L') {
    const packed = bytes.readUInt32LE(21);
    return { width: 1 + (packed & 0x3fff), height: 1 + ((packed >>> 14) & 0x3fff) };
  }
  if (kind !== 'VP8 ') return undefined;
  return { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff };
}

/** ITU T.81, annex B: the size stands in the frame header (SOF), of which there is one before the scan (SOS). */
function jpeg(bytes: Buffer): ImageSize | undefined {
  if (bytes.readUInt16BE(0) !== 0xffd8) return undefined;
  let size: ImageSize | undefined;
  for (let at = 2; ;) {
    if (bytes.readUInt8(at) !== 0xff) return undefined;
    const marker = bytes.readUInt8(at + 1);
    if (marker === 0xda) return size;
    if (isFrame(marker)) {
      if (size !== undefined) return undefined;
      size = { width: bytes.readUInt16BE(at + 7), height: bytes.readUInt16BE(at + 5) };
    }
    if (marker === 0xff) at++;
    else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) return undefined;
    else at += 2 + bytes.readUInt16BE(at + 2);
  }
}

/** SOF0 to SOF15 without DHT (C4), JPG (C8) and DAC (CC), which share their range. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
