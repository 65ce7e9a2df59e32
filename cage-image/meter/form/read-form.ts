import { CodedError } from '#errors/coded-error.ts';
import type { FormPart } from './form-part.ts';

const MOST_PARTS = 64;
const MOST_HEADER_BYTES = 4096;
const CRLF2 = Buffer.from('\r\n\r\n');

/**
 * The parts of a `multipart/form-data` body (RFC 7578, RFC 2046 section 5.1), read strictly: nothing before the first boundary nor after the last one,
 * lines end in CRLF, every part has a plain name. Whatever could be read in two ways throws `meter_request_invalid`.
 */
export function readForm(contentType: string | undefined, body: Buffer): FormPart[] {
  const boundary = boundaryOf(contentType);
  const opening = Buffer.from(`--${boundary}\r\n`, 'latin1');
  const between = Buffer.from(`\r\n--${boundary}`, 'latin1');
  if (!body.subarray(0, opening.length).equals(opening)) throw bad('It does not begin with its boundary.');
  const parts: FormPart[] = [];
  let at = opening.length;
  for (;;) {
    const end = body.indexOf(between, at);
    if (end < 0) throw bad('It does not end with its boundary.');
    parts.push(readPart(body.subarray(at, end)));
    if (parts.length > MOST_PARTS) throw bad(`It has more than ${MOST_PARTS} parts.`);
    at = end + between.length;
    const next = body.toString('latin1', at, at + 2);
    at += 2;
    if (next === '--') break;
    if (next !== '\r\n') throw bad('A boundary stands inside a line.');
  }
  const after = body.subarray(at);
  if (after.length > 0 && !after.equals(Buffer.from('\r\n')))
    throw bad('Something follows its last boundary.');
  return parts;
}

function boundaryOf(contentType: string | undefined): string {
  const form = /^multipart\/form-data\s*;\s*boundary=(?:"([^"]+)"|([^\s";,]+))\s*$/i;
  const [, quoted, plain] = form.exec(contentType ?? '') ?? [];
  const boundary = quoted ?? plain;
  if (boundary === undefined || !/^[A-Za-z0-9'()+_,./:=?-]{1,70}$/.test(boundary))
    throw bad('Send multipart/form-data with a boundary, and nothing else in its content-type.');
  return boundary;
}

function readPart(bytes: Buffer): FormPart {
  const end = bytes.indexOf(CRLF2);
  if (end < 0 || end > MOST_HEADER_BYTES) throw bad('A part has no header, or too long a one.');
  const headers = headersOf(bytes.toString('utf8', 0, end));
  const { name, filename } = dispositionOf(headers.get('content-disposition'));
  return { name, filename, type: headers.get('content-type'), content: bytes.subarray(end + CRLF2.length) };
}

/** A part's own length says nothing that the boundaries do not say; an encoding of its content would be another content. */
const HEADERS = new Set(['content-disposition', 'content-type', 'content-length']);

function headersOf(text: string): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of text.split('\r\n')) {
    const [, name, value] = /^([A-Za-z-]+):[ \t]*([^\r\n\0]*)$/.exec(line) ?? [];
    const key = name?.toLowerCase() ?? '';
    if (value === undefined || headers.has(key) || !HEADERS.has(key))
      throw bad('A part has a header that is not understood.');
    headers.set(key, value.trimEnd());
  }
  return headers;
}

const NAME = /^form-data\s*;\s*name="([A-Za-z0-9_.-]{1,64}(?:\[[A-Za-z0-9_]{0,32}\])?)"/i;
const FILENAME = /^\s*;\s*filename="((?:[^"\\]|\\.)*)"/i;
/** RFC 5987, beside or in place of the plain one. */
const FILENAME_EXTENDED = /^\s*;\s*filename\*=utf-8''([A-Za-z0-9!#$&+.^_`|~%-]*)/i;

function dispositionOf(value: string | undefined): { name: string; filename: string | undefined } {
  const named = NAME.exec(value ?? '');
  if (named?.[1] === undefined || value === undefined) throw bad('A part has no plain name.');
  let rest = value.slice(named[0].length);
  let filename: string | undefined;
  for (const form of [FILENAME, FILENAME_EXTENDED]) {
    const found = form.exec(rest);
    if (found === null) continue;
    rest = rest.slice(found[0].length);
    filename = form === FILENAME ? found[1] : decoded(found[1] ?? '');
  }
  if (rest.trim() !== '') throw bad('The name of a part is not understood.');
  return { name: named[1], filename };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw bad('The name of a file is not UTF-8.');
  }
}

const bad = (reason: string): CodedError => new CodedError('meter_request_invalid', { reason });
