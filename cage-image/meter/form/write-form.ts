import { randomBytes } from 'node:crypto';
import type { FormPart } from './form-part.ts';

/**
 * A form written anew from what was understood of the agent's, with a boundary of ours that stands nowhere in it: the provider can read nothing else out
 * of it than we did.
 */
export function writeForm(parts: readonly FormPart[]): { contentType: string; body: Buffer } {
  const boundary = freshBoundary(parts);
  const chunks = parts.flatMap((part) => [
    Buffer.from(header(boundary, part)),
    part.content,
    Buffer.from('\r\n'),
  ]);
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    body: Buffer.concat([...chunks, Buffer.from(`--${boundary}--\r\n`)]),
  };
}

function freshBoundary(parts: readonly FormPart[]): string {
  for (;;) {
    const boundary = `clawcage-${randomBytes(24).toString('hex')}`;
    if (!parts.some((part) => part.content.includes(boundary))) return boundary;
  }
}

function header(boundary: string, { name, filename, type }: FormPart): string {
  const disposition = `--${boundary}\r\nContent-Disposition: form-data; name="${name}"`;
  if (filename === undefined) return `${disposition}\r\n\r\n`;
  return `${disposition}; filename="${plainName(filename)}"\r\nContent-Type: ${plainType(type)}\r\n\r\n`;
}

/** The last part of a path, without what a header could be broken by. Its end stays, which says what kind of file it is. */
function plainName(filename: string): string {
  const last = filename.split(/[/\\]/).at(-1) ?? '';
  // eslint-disable-next-line no-control-regex -- these are what is taken out
  const plain = last.replaceAll(/[\u0000-\u001f\u007f"\\%]/g, '_').slice(-200);
  return plain === '' ? 'file' : plain;
}

function plainType(type: string | undefined): string {
  return type !== undefined && /^[a-z0-9]+\/[a-z0-9.+-]{1,80}$/i.test(type)
    ? type
    : 'application/octet-stream';
}
