import { crc32, deflateSync } from 'node:zlib';

/** Small valid images, made byte by byte; `extra` is put where metadata goes. */
export function pngOf(...extra: Buffer[]): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(2, 0);
  header.writeUInt32BE(3, 4);
  header[8] = 8;
  const pixels = deflateSync(Buffer.alloc(3 * 3, 7));
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    pngChunk('IHDR', header),
    ...extra,
    pngChunk('IDAT', pixels),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

export function pngChunk(type: string, data: Buffer): Buffer {
  const typed = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const chunk = Buffer.alloc(typed.length + 8);
  chunk.writeUInt32BE(data.length, 0);
  typed.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(typed), chunk.length - 4);
  return chunk;
}

/** Its form is right; its pixels are not meant to be decoded. */
export function jpegOf(...extra: Buffer[]): Buffer {
  const frame = Buffer.from([8, 0, 3, 0, 2, 1, 1, 0x11, 0]);
  const scan = Buffer.from([0x12, 0xff, 0x00, 0x34, 0xff, 0xd0, 0x56]);
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    jpegSegment(0xe0, Buffer.from('JFIF\0\x01\x01\0\0\x01\0\x01\0\0', 'latin1')),
    ...extra,
    jpegSegment(0xc0, frame),
    jpegSegment(0xda, Buffer.from([1, 1, 0, 0, 0x3f, 0])),
    scan,
    Buffer.from([0xff, 0xd9]),
  ]);
}

export function jpegSegment(marker: number, payload: Buffer): Buffer {
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(payload.length + 2, 2);
  return Buffer.concat([head, payload]);
}

export function webpOf(...extra: Buffer[]): Buffer {
  const canvas = Buffer.alloc(10);
  canvas[0] = 0x0c;
  canvas.writeUIntLE(1, 4, 3);
  canvas.writeUIntLE(2, 7, 3);
  const body = Buffer.concat([
    webpChunk('VP8X', canvas),
    webpChunk('VP8L', Buffer.from([0x2f, 1, 0x80, 0, 0, 9, 9])),
    ...extra,
  ]);
  const head = Buffer.from('RIFF\0\0\0\0WEBP', 'latin1');
  head.writeUInt32LE(4 + body.length, 4);
  return Buffer.concat([head, body]);
}

export function webpChunk(type: string, data: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.write(type, 'latin1');
  head.writeUInt32LE(data.length, 4);
  return Buffer.concat([head, data, Buffer.alloc(data.length % 2)]);
}

export function gifOf(...extra: Buffer[]): Buffer {
  return Buffer.concat([
    Buffer.from('GIF89a\x02\0\x03\0\x80\0\0', 'latin1'),
    Buffer.alloc(6, 0x55),
    ...extra,
    Buffer.from([0x2c, 0, 0, 0, 0, 2, 0, 3, 0, 0]),
    Buffer.from([2, 3, 0x84, 0x8f, 0x05, 0]),
    Buffer.from([0x3b]),
  ]);
}

/** EXIF with an orientation, a camera, and where it was taken. */
export function exifOf(order: 'II' | 'MM'): Buffer {
  const bytes = Buffer.alloc(200);
  const u16 = (value: number, at: number) =>
    order === 'II' ? bytes.writeUInt16LE(value, at) : bytes.writeUInt16BE(value, at);
  const u32 = (value: number, at: number) =>
    order === 'II' ? bytes.writeUInt32LE(value, at) : bytes.writeUInt32BE(value, at);
  const entry = (at: number, tag: number, type: number, count: number, value: number) => {
    u16(tag, at);
    u16(type, at + 2);
    u32(count, at + 4);
    if (type === 3) u16(value, at + 8);
    else u32(value, at + 8);
  };
  bytes.write(order, 'latin1');
  u16(42, 2);
  u32(8, 4);
  u16(3, 8);
  entry(10, 0x0110, 2, 10, 60);
  entry(22, 0x0112, 3, 1, 6);
  entry(34, 0x8825, 4, 1, 80);
  bytes.write('CameraMod\0', 60, 'latin1');
  u16(1, 80);
  entry(82, 0x0002, 5, 3, 110);
  bytes.write('GPSGPSGPSGPSGPSGPSGPSGPS', 110, 'latin1');
  return bytes;
}
