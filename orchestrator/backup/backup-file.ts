import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { z } from 'zod';
import { CodedError } from '#errors/coded-error.ts';

/**
 * A backup is gzip of lines of JSON: the header; for each table a line that names it and its columns, then `{"row":…}` for each row; at last the number of rows and
 * the SHA-256 of all lines before. A reader of a later version reads what this one wrote; of a later one's it says `backup_newer`.
 */
export const FORMAT_VERSION = 1;

const header = z.strictObject({
  clawcageBackup: z.literal(FORMAT_VERSION),
  release: z.string(),
  install: z.string(),
  madeAt: z.iso.datetime(),
  migrations: z.array(z.string()),
});
export type BackupHeader = z.infer<typeof header>;

const anyHeader = z.looseObject({ clawcageBackup: z.int() });
const tableLine = z.strictObject({ table: z.string(), columns: z.array(z.string()) });
const endLine = z.strictObject({ rows: z.int(), sha256: z.string() });

const ROW_START = '{"row":';
export const rowLine = (row: string): string => `${ROW_START}${row}}`;

export type BackupPart =
  | { readonly kind: 'header'; readonly header: BackupHeader }
  | { readonly kind: 'table'; readonly table: string; readonly columns: readonly string[] }
  /** As JSON, byte for byte as it was written. */
  | { readonly kind: 'row'; readonly row: string };

/** The parts of a backup in order. Throws `backup_damaged` and `backup_newer`; the first at its end only where what is wrong is that it was cut off or altered. */
export async function* readBackup(file: string): AsyncGenerator<BackupPart> {
  const hash = createHash('sha256');
  let rows = 0;
  let first = true;
  let ended = false;
  for await (const line of linesOf(file)) {
    if (ended) throw damaged('something follows its end');
    if (line.startsWith(ROW_START)) {
      rows += 1;
      yield { kind: 'row', row: line.slice(ROW_START.length, -1) };
    } else {
      const value = parsed(line);
      if (first) yield { kind: 'header', header: headerOf(value) };
      else if (endLine.safeParse(value).success) {
        const end = endLine.parse(value);
        if (end.rows !== rows || end.sha256 !== hash.digest('hex')) throw damaged('its checksum is another');
        ended = true;
        continue;
      } else {
        const table = tableLine.safeParse(value);
        if (!table.success) throw damaged('a line is not understood');
        yield { kind: 'table', ...table.data };
      }
    }
    first = false;
    hash.update(line).update('\n');
  }
  if (!ended) throw damaged('it is cut off');
}

/** Reads a backup to its end. Throws as `readBackup`. */
export async function verifyBackup(file: string): Promise<BackupHeader> {
  let found: BackupHeader | undefined;
  for await (const part of readBackup(file)) if (part.kind === 'header') found = part.header;
  if (found === undefined) throw damaged('it is empty');
  return found;
}

function headerOf(value: unknown): BackupHeader {
  const any = anyHeader.safeParse(value);
  if (!any.success) throw damaged('it is no backup of ClawCage');
  if (any.data.clawcageBackup > FORMAT_VERSION)
    throw new CodedError('backup_newer', { version: any.data.clawcageBackup, known: FORMAT_VERSION });
  const ours = header.safeParse(value);
  if (!ours.success) throw damaged('its header is not understood');
  return ours.data;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw damaged('a line is not understood');
  }
}

/** Rows are of some hundred kB at most. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;

/** Split at line feeds only: a row may hold what other readers take for the end of a line. */
async function* linesOf(file: string): AsyncGenerator<string> {
  const source = createReadStream(file);
  const unpacked = createGunzip();
  source.on('error', (error) => unpacked.destroy(error));
  source.pipe(unpacked);
  let begun: Buffer[] = [];
  let begunBytes = 0;
  try {
    for await (const chunk of unpacked as AsyncIterable<Buffer>) {
      let from = 0;
      for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, from)) {
        yield Buffer.concat([...begun, chunk.subarray(from, at)]).toString('utf8');
        begun = [];
        begunBytes = 0;
        from = at + 1;
      }
      if (from < chunk.length) begun.push(chunk.subarray(from));
      begunBytes += chunk.length - from;
      if (begunBytes > MAX_LINE_BYTES) throw damaged('a line is too long');
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code?.startsWith('Z_')) throw damaged('it does not unpack');
    throw error;
  } finally {
    source.destroy();
  }
  if (begun.length > 0) throw damaged('its last line is cut off');
}

const damaged = (reason: string): CodedError => new CodedError('backup_damaged', { reason });
