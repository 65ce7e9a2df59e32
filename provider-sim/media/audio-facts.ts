import { MP3_FRAME } from './containers.ts';

export interface AudioFacts {
  readonly type: string;
  readonly seconds: number;
}

const KNOWN: readonly (readonly [offset: number, magic: string, type: string])[] = [
  [0, 'fLaC', 'FLAC'],
  [0, 'OggS', 'Ogg'],
  [0, '\x1aE\xdf\xa3', 'WebM'],
  [4, 'ftyp', 'MP4'],
  [0, 'ID3', 'MP3'],
];
const BYTES_A_SECOND = 8000;

/** Type and length of a sound; undefined for what is none. Exact for WAV and for our own MP3, else by the size, as at 64 kbit/s. */
export function audioFacts(bytes: Buffer): AudioFacts | undefined {
  const start = bytes.toString('latin1', 0, 12);
  if (start.startsWith('RIFF') && start.endsWith('WAVE')) return { type: 'WAV', seconds: wavSeconds(bytes) };
  const known = KNOWN.find(([offset, magic]) => start.startsWith(magic, offset));
  if (known) return { type: known[2], seconds: bytes.length / BYTES_A_SECOND };
  if (bytes.length < 4 || bytes[0] !== 0xff || (bytes[1]! & 0xe0) !== 0xe0) return undefined;
  const ours = bytes.readUInt16BE(0) === 0xfff3;
  return {
    type: (bytes[1]! & 0x06) === 0 ? 'AAC' : 'MP3',
    seconds: ours ? (bytes.length / MP3_FRAME.bytes) * MP3_FRAME.seconds : bytes.length / BYTES_A_SECOND,
  };
}

/** By the rate in `fmt ` and the length of `data`, which may stand behind other chunks. */
function wavSeconds(bytes: Buffer): number {
  let rate = BYTES_A_SECOND;
  for (let at = 12; at + 8 <= bytes.length;) {
    const name = bytes.toString('latin1', at, at + 4);
    const length = bytes.readUInt32LE(at + 4);
    if (name === 'fmt ' && at + 20 <= bytes.length) rate = bytes.readUInt32LE(at + 16) || rate;
    // Where a recorder could not know the length it lies; the file's end counts.
    if (name === 'data') return Math.min(length, bytes.length - at - 8) / rate;
    at += 8 + length + (length & 1);
  }
  return 0;
}
