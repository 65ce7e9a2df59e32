import { badImage } from './bad-image.ts';
import type { CleanedImage, PixelSize } from './cleaned-image.ts';
import { withoutLocation } from './exif.ts';

const EXIF = Buffer.from('Exif\0\0', 'latin1');
/** Packets that can hold a location beside EXIF's own: XMP and its extension, Photoshop's (IPTC), further pictures behind the first (MPF). */
const DROPPED: readonly { readonly marker: number; readonly begins: Buffer }[] = [
  { marker: 0xe1, begins: Buffer.from('http://ns.adobe.com/', 'latin1') },
  { marker: 0xed, begins: Buffer.from('Photoshop 3.0\0', 'latin1') },
  { marker: 0xe2, begins: Buffer.from('MPF\0', 'latin1') },
];

const START_OF_SCAN = 0xda;
const END_OF_IMAGE = 0xd9;

export function isJpeg(bytes: Buffer): boolean {
  return bytes.length > 3 && bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

/** Walks the markers of a JPEG (ITU-T T.81, annex B) from its start to its end; what comes behind the end is left out. */
export function cleanJpeg(bytes: Buffer): CleanedImage {
  const kept: Buffer[] = [bytes.subarray(0, 2)];
  let size: PixelSize | undefined;
  let scanned = false;
  let at = 2;
  for (;;) {
    const marker = markerAt(bytes, at);
    if (marker.code === END_OF_IMAGE) break;
    const end = marker.code === START_OF_SCAN ? endOfScan(bytes, marker) : marker.end;
    if (marker.code === START_OF_SCAN) scanned = true;
    if (isFrame(marker.code)) size ??= frameSize(bytes, marker);
    kept.push(...cleanSegment(bytes, marker, end));
    at = end;
  }
  if (size === undefined || !scanned) throw badImage('the JPEG holds no picture');
  kept.push(Buffer.from([0xff, END_OF_IMAGE]));
  return { ...size, bytes: Buffer.concat(kept) };
}

interface Segment {
  readonly code: number;
  /** Of the marker, its payload, and what follows it. */
  readonly begin: number;
  readonly payload: number;
  readonly end: number;
}

function markerAt(bytes: Buffer, begin: number): Segment {
  let at = begin;
  if (bytes[at] !== 0xff) throw badImage('the JPEG is damaged: a marker is missing');
  while (bytes[at] === 0xff) at += 1;
  const code = bytes[at];
  if (code === undefined) throw badImage('the JPEG breaks off before its end');
  if (code === 0x00) throw badImage('the JPEG is damaged: a marker is missing');
  if (code === END_OF_IMAGE || code === 0x01 || (code >= 0xd0 && code <= 0xd8))
    return { code, begin, payload: at + 1, end: at + 1 };
  if (at + 3 > bytes.length) throw badImage('the JPEG breaks off before its end');
  const end = at + 1 + bytes.readUInt16BE(at + 1);
  if (end < at + 3 || end > bytes.length) throw badImage('the JPEG breaks off before its end');
  return { code, begin, payload: at + 3, end };
}

/** The pixels of a scan go on until a marker that is no restart. */
function endOfScan(bytes: Buffer, { end }: Segment): number {
  for (let at = bytes.indexOf(0xff, end); at !== -1; at = bytes.indexOf(0xff, at + 1)) {
    const next = bytes[at + 1];
    if (next === undefined) break;
    if (next !== 0x00 && next !== 0xff && !(next >= 0xd0 && next <= 0xd7)) return at;
  }
  throw badImage('the JPEG breaks off before its end');
}

const isFrame = (code: number): boolean =>
  code >= 0xc0 && code <= 0xcf && code !== 0xc4 && code !== 0xc8 && code !== 0xcc;

function frameSize(bytes: Buffer, { payload, end }: Segment): PixelSize {
  if (end - payload < 6) throw badImage('the JPEG is damaged: its frame is too short');
  return { height: bytes.readUInt16BE(payload + 1), width: bytes.readUInt16BE(payload + 3) };
}

function cleanSegment(bytes: Buffer, { code, begin, payload, end }: Segment, until: number): Buffer[] {
  const whole = bytes.subarray(begin, until);
  if (code < 0xe1 || code > 0xed) return [whole];
  const content = bytes.subarray(payload, end);
  if (DROPPED.some(({ marker, begins }) => code === marker && startsWith(content, begins))) return [];
  if (code !== 0xe1 || !startsWith(content, EXIF)) return [whole];
  const exif = withoutLocation(content.subarray(EXIF.length));
  return exif === undefined ? [] : [bytes.subarray(begin, payload), content.subarray(0, EXIF.length), exif];
}

const startsWith = (bytes: Buffer, begins: Buffer): boolean =>
  bytes.subarray(0, begins.length).equals(begins);
