/** What an answer is, as far as it matters to a reader. */
export type ContentKind = 'html' | 'text' | 'binary';

const TEXT =
  /^(text\/|application\/([\w.-]+\+)?(json|xml|yaml|toml|javascript|ecmascript|x-sh|sql|graphql|x-ndjson|ld\+json|x-www-form-urlencoded)\b|image\/svg)/;

/** By the content type, and by the bytes where there is none or the general one. */
export function kindOf(contentType: string, bytes: Buffer): ContentKind {
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  if (type === 'text/html' || type === 'application/xhtml+xml') return 'html';
  if (TEXT.test(type)) return 'text';
  if (type !== '' && type !== 'application/octet-stream') return 'binary';
  if (looksBinary(bytes)) return 'binary';
  return /^\s*<(!doctype html|html)/i.test(bytes.toString('latin1', 0, 512)) ? 'html' : 'text';
}

/** Text by the charset of the content type or, in HTML, of a `meta` element; UTF-8 where none is known. */
export function decodeText(bytes: Buffer, contentType: string): string {
  const declared =
    /charset\s*=\s*["']?([\w.:-]+)/i.exec(contentType)?.[1] ??
    /<meta[^>]+charset\s*=\s*["']?([\w.:-]+)/i.exec(bytes.toString('latin1', 0, 1024))?.[1];
  try {
    return new TextDecoder(declared ?? 'utf-8').decode(bytes);
  } catch {
    return new TextDecoder().decode(bytes);
  }
}

function looksBinary(bytes: Buffer): boolean {
  const start = bytes.subarray(0, 4096);
  if (start.includes(0)) return true;
  const text = start.toString('utf8');
  return [...text].filter((character) => character === '\uFFFD').length > 3;
}
