/**
 * EXIF is a TIFF (TIFF 6.0; Exif 2.32, section 4.6): a header with the byte order, then directories (IFD) of entries of 12 bytes that point to
 * values, to other directories, and to the next one.
 */
const GPS_DIRECTORY = 0x8825;
const EXIF_DIRECTORY = 0x8769;
const MAKER_NOTE = 0x927c;
/** Bytes of one value, by TIFF type. */
const VALUE_BYTES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8];
const ENTRY_BYTES = 12;
const DIRECTORY_LIMIT = 8;

interface Tiff {
  readonly bytes: Buffer;
  u16(at: number): number;
  u32(at: number): number;
  put16(value: number, at: number): void;
}

/**
 * The same EXIF without its GPS directory and without the maker's note, whose form nobody documents and which may repeat the location; orientation
 * and all else stay where they are. Undefined where its form cannot be followed: then all of it is to be dropped.
 */
export function withoutLocation(exif: Buffer): Buffer | undefined {
  try {
    return strip(Buffer.from(exif));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function strip(bytes: Buffer): Buffer | undefined {
  const order = bytes.toString('latin1', 0, 2);
  if (order !== 'II' && order !== 'MM') return undefined;
  const tiff = order === 'II' ? littleEndian(bytes) : bigEndian(bytes);
  if (tiff.u16(2) !== 42) return undefined;
  const seen = new Set<number>();
  const waiting = [tiff.u32(4)];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    if (at === 0 || seen.has(at)) continue;
    if (seen.size >= DIRECTORY_LIMIT) return undefined;
    seen.add(at);
    waiting.push(...cleanDirectory(tiff, at));
  }
  return bytes;
}

/** Takes the entries that may tell a place out of a directory; gives the directories that it leads to. */
function cleanDirectory(tiff: Tiff, at: number): number[] {
  const leadsTo: number[] = [];
  let count = tiff.u16(at);
  for (let index = 0; index < count;) {
    const entry = at + 2 + index * ENTRY_BYTES;
    const tag = tiff.u16(entry);
    if (tag === GPS_DIRECTORY) wipeDirectory(tiff, tiff.u32(entry + 8));
    if (tag === MAKER_NOTE) wipeValue(tiff, entry);
    if (tag === GPS_DIRECTORY || tag === MAKER_NOTE) {
      removeEntry(tiff, at, index, count);
      count -= 1;
      continue;
    }
    if (tag === EXIF_DIRECTORY) leadsTo.push(tiff.u32(entry + 8));
    index += 1;
  }
  leadsTo.push(tiff.u32(at + 2 + count * ENTRY_BYTES));
  return leadsTo;
}

/** The entries behind it, and where the next directory lies, move up. */
function removeEntry(tiff: Tiff, at: number, index: number, count: number): void {
  const entry = at + 2 + index * ENTRY_BYTES;
  const end = at + 2 + count * ENTRY_BYTES + 4;
  if (end > tiff.bytes.length) throw new RangeError('the directory is longer than its EXIF');
  tiff.bytes.copy(tiff.bytes, entry, entry + ENTRY_BYTES, end);
  tiff.bytes.fill(0, end - ENTRY_BYTES, end);
  tiff.put16(count - 1, at);
}

function wipeDirectory(tiff: Tiff, at: number): void {
  const count = tiff.u16(at);
  for (let index = 0; index < count; index += 1) wipeValue(tiff, at + 2 + index * ENTRY_BYTES);
  wipe(tiff, at, 2 + count * ENTRY_BYTES + 4);
}

/** Values of more than four bytes lie elsewhere. */
function wipeValue(tiff: Tiff, entry: number): void {
  const length = (VALUE_BYTES[tiff.u16(entry + 2)] ?? 1) * tiff.u32(entry + 4);
  if (length > 4) wipe(tiff, tiff.u32(entry + 8), length);
}

/** The header stays in any case. */
function wipe({ bytes }: Tiff, at: number, length: number): void {
  if (at < 8 || at + length > bytes.length) throw new RangeError('it points outside of its EXIF');
  bytes.fill(0, at, at + length);
}

const littleEndian = (bytes: Buffer): Tiff => ({
  bytes,
  u16: (at) => bytes.readUInt16LE(at),
  u32: (at) => bytes.readUInt32LE(at),
  put16: (value, at) => void bytes.writeUInt16LE(value, at),
});

const bigEndian = (bytes: Buffer): Tiff => ({
  bytes,
  u16: (at) => bytes.readUInt16BE(at),
  u32: (at) => bytes.readUInt32BE(at),
  put16: (value, at) => void bytes.writeUInt16BE(value, at),
});
