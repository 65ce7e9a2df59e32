import { crc32 } from 'node:zlib';
import { badImage } from './bad-image.ts';
import type { CleanedImage } from './cleaned-image.ts';
import { withoutLocation } from './exif.ts';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Length, type and check sum of a chunk. */
const FRAME_BYTES = 12;

export function isPng(bytes: Buffer): boolean {
  return bytes.subarray(0, SIGNATURE.length).equals(SIGNATURE);
}

/** Walks the chunks of a PNG (W3C PNG, third edition, section 5.3), animated or not; what comes behind the last is left out. */
export function cleanPng(bytes: Buffer): CleanedImage {
  const kept: Buffer[] = [SIGNATURE];
  let at = SIGNATURE.length;
  let pixels = false;
  for (let type = ''; type !== 'IEND';) {
    if (at + FRAME_BYTES > bytes.length) throw badImage('the PNG breaks off before its end');
    const end = at + FRAME_BYTES + bytes.readUInt32BE(at);
    if (end > bytes.length) throw badImage('the PNG breaks off before its end');
    type = bytes.toString('latin1', at + 4, at + 8);
    if ((at === SIGNATURE.length) !== (type === 'IHDR'))
      throw badImage('the PNG is damaged: its header is not first');
    pixels ||= type === 'IDAT';
    kept.push(...cleanChunk(bytes.subarray(at, end), type));
    at = end;
  }
  if (!pixels) throw badImage('the PNG holds no picture');
  if (bytes.readUInt32BE(SIGNATURE.length) !== 13) throw badImage('the PNG is damaged: its header');
  const width = bytes.readUInt32BE(SIGNATURE.length + 8);
  return { width, height: bytes.readUInt32BE(SIGNATURE.length + 12), bytes: Buffer.concat(kept) };
}

function cleanChunk(chunk: Buffer, type: string): Buffer[] {
  const data = chunk.subarray(8, -4);
  if (type === 'eXIf') {
    const exif = withoutLocation(data);
    return exif === undefined ? [] : [framed(type, exif)];
  }
  return isPacket(type, data) ? [] : [chunk];
}

/** XMP, and the raw profiles in which some programs write EXIF, IPTC and XMP as text. */
function isPacket(type: string, data: Buffer): boolean {
  if (type !== 'iTXt' && type !== 'tEXt' && type !== 'zTXt') return false;
  const nul = data.indexOf(0);
  const keyword = data.toString('latin1', 0, nul === -1 ? data.length : nul).toLowerCase();
  return (
    keyword.startsWith('xml:com.adobe.xmp') || /^raw profile type (exif|app1|xmp|iptc|8bim)/.test(keyword)
  );
}

function framed(type: string, data: Buffer): Buffer {
  const typed = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const chunk = Buffer.alloc(typed.length + 8);
  chunk.writeUInt32BE(data.length, 0);
  typed.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(typed), chunk.length - 4);
  return chunk;
}
