import { oggPage } from './ogg.ts';

/** 24 kHz, 16 bits, mono: what OpenAI's speech has. */
const RATE = 24_000;
const TONE_HZ = 220;
const LOUDNESS = 3000;

/** Samples without a container, least byte first. */
export function pcm(seconds: number): Buffer {
  const samples = new Int16Array(Math.round(seconds * RATE));
  for (let at = 0; at < samples.length; at++)
    samples[at] = Math.round(LOUDNESS * Math.sin((2 * Math.PI * TONE_HZ * at) / RATE));
  return Buffer.from(samples.buffer);
}

/** RIFF/WAVE with one `data` chunk. */
export function wav(seconds: number): Buffer {
  const data = pcm(seconds);
  const header = Buffer.alloc(44);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(36 + data.length, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(RATE, 24);
  header.writeUInt32LE(RATE * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(data.length, 40);
  return Buffer.concat([header, data]);
}

export const MP3_FRAME = { bytes: 192, seconds: 576 / RATE };

/** MPEG-2 layer III frames of silence, 64 kbit/s: a header and nothing but zeros is a valid frame (ISO 13818-3). */
export function mp3(seconds: number): Buffer {
  const frame = Buffer.alloc(MP3_FRAME.bytes);
  frame.set([0xff, 0xf3, 0x84, 0xc4]);
  return repeated(frame, seconds / MP3_FRAME.seconds);
}

/** ADTS frames of silence in AAC-LC (ISO 13818-7, 6.2), 1024 samples each. */
export function adts(seconds: number): Buffer {
  const silence = Buffer.from([0x00, 0xc8, 0x00, 0x80, 0x23, 0x80]);
  const length = 7 + silence.length;
  // 6 stands for 24 kHz.
  const header = Buffer.from([
    0xff,
    0xf1,
    (1 << 6) | (6 << 2),
    (1 << 6) | (length >> 11),
    (length >> 3) & 0xff,
    ((length & 7) << 5) | 0x1f,
    0xfc,
  ]);
  return repeated(Buffer.concat([header, silence]), (seconds * RATE) / 1024);
}

/** Opus packets of 20 ms of silence in Ogg (RFC 7845). */
export function oggOpus(seconds: number): Buffer {
  const packets = Math.max(1, Math.round(seconds / 0.02));
  const head = Buffer.from('OpusHead\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00', 'latin1');
  head.writeUInt32LE(RATE, 12);
  const tags = Buffer.from('OpusTags\x09\x00\x00\x00simulator\x00\x00\x00\x00', 'latin1');
  const silence = Buffer.from([0xf8, 0xff, 0xfe]);
  const pages = [
    oggPage([head], { number: 0, position: 0, first: true }),
    oggPage([tags], { number: 1, position: 0 }),
  ];
  const perPage = 50;
  for (let at = 0; at < packets; at += perPage) {
    const count = Math.min(perPage, packets - at);
    const last = at + count === packets;
    pages.push(
      oggPage(Array(count).fill(silence) as Buffer[], {
        number: pages.length,
        position: (at + count) * 960,
        last,
      }),
    );
  }
  return Buffer.concat(pages);
}

const FLAC_BLOCK = 4096;

/** FLAC of constant subframes, which are silence (RFC 9639). */
export function flac(seconds: number): Buffer {
  const samples = Math.max(FLAC_BLOCK, Math.round((seconds * RATE) / FLAC_BLOCK) * FLAC_BLOCK);
  const info = Buffer.alloc(42);
  info.write('fLaC', 0, 'latin1');
  info.set([0x80, 0, 0, 34], 4);
  info.writeUInt16BE(FLAC_BLOCK, 8);
  info.writeUInt16BE(FLAC_BLOCK, 10);
  // 20 bits of rate, 3 of channels less one, 5 of bits less one, 36 of samples.
  info.writeBigUInt64BE((BigInt(RATE) << 44n) | (15n << 36n) | BigInt(samples), 18);
  const frames = Array.from({ length: samples / FLAC_BLOCK }, (_, at) => flacFrame(at));
  return Buffer.concat([info, ...frames]);
}

function flacFrame(number: number): Buffer {
  // Block of 4096 samples, rate and bits as the stream has them, mono.
  const head = Buffer.from([0xff, 0xf8, 0xc0, 0x00, ...codedNumber(number)]);
  const constant = Buffer.from([0x00, 0x00, 0x00]);
  const body = Buffer.concat([head, Buffer.from([crc(head, 8, 0x07)]), constant]);
  const check = Buffer.alloc(2);
  check.writeUInt16BE(crc(body, 16, 0x8005));
  return Buffer.concat([body, check]);
}

/** As UTF-8 codes a character (RFC 9639, 9.1.5). */
function codedNumber(value: number): number[] {
  if (value < 0x80) return [value];
  if (value < 0x800) return [0xc0 | (value >> 6), 0x80 | (value & 0x3f)];
  return [0xe0 | (value >> 12), 0x80 | ((value >> 6) & 0x3f), 0x80 | (value & 0x3f)];
}

function crc(bytes: Buffer, bits: 8 | 16, polynomial: number): number {
  const top = 1 << (bits - 1);
  const mask = bits === 8 ? 0xff : 0xffff;
  let sum = 0;
  for (const byte of bytes) {
    sum ^= byte << (bits - 8);
    for (let bit = 0; bit < 8; bit++) sum = ((sum & top) === 0 ? sum << 1 : (sum << 1) ^ polynomial) & mask;
  }
  return sum;
}

function repeated(frame: Buffer, times: number): Buffer {
  return Buffer.concat(Array<Buffer>(Math.max(1, Math.round(times))).fill(frame));
}
