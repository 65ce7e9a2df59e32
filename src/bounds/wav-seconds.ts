import type { Buffer } from 'node:buffer';

const PCM = 1;
const FLOAT = 3;

/**
 * The length of uncompressed WAVE audio in seconds, at most: all its bytes counted as samples. Undefined for everything else. For compressed audio no
 * length follows from the bytes (a minute of silence is a few bytes of FLAC).
 * The form is read as strictly as it is written by every recorder: `fmt ` comes first. (Multimedia Programming Interface 1.0, IBM and Microsoft 1991.)
 */
export function wavSeconds(bytes: Buffer): number | undefined {
  if (bytes.length < 44 || tag(bytes, 0) !== 'RIFF' || tag(bytes, 8) !== 'WAVE' || tag(bytes, 12) !== 'fmt ')
    return undefined;
  const format = bytes.readUInt16LE(20);
  const channels = bytes.readUInt16LE(22);
  const rate = bytes.readUInt32LE(24);
  const bits = bytes.readUInt16LE(34);
  const plain = (format === PCM && [8, 16, 24, 32].includes(bits)) || (format === FLOAT && bits === 32);
  // Slower than telephones is not speech: somebody writes many seconds into few bytes. Faster than any recorder is none either: whoever cannot play that
  // may play it slower.
  if (!plain || channels < 1 || channels > 8 || rate < 8_000 || rate > 192_000) return undefined;
  return bytes.length / ((rate * channels * bits) / 8);
}

const tag = (bytes: Buffer, at: number): string => bytes.toString('latin1', at, at + 4);
