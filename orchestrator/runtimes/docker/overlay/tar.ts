import { createHash, type Hash } from 'node:crypto';

/** As much of the format (POSIX.1-2001, pax) as goes between the engine and us: https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html */
const BLOCK = 512;

export interface NewEntry {
  /** Without a slash at either end, at most 100 bytes. */
  readonly path: string;
  readonly mode: number;
  /** Of user and group. */
  readonly owner: number;
  /** A folder without. */
  readonly content?: Uint8Array;
}

/** An archive of folders and files, the same bytes for the same entries. */
export function tarOf(entries: readonly NewEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(blocksOf), Buffer.alloc(2 * BLOCK)]);
}

function blocksOf({ path, mode, owner, content }: NewEntry): Buffer[] {
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number): void => {
    header.write(value.toString(8).padStart(length - 1, '0'), at, 'latin1');
  };
  header.write(content ? path : `${path}/`, 0, 100, 'utf8');
  octal(mode, 100, 8);
  octal(owner, 108, 8);
  octal(owner, 116, 8);
  octal(content?.length ?? 0, 124, 12);
  octal(0, 136, 12);
  header.fill(' ', 148, 156);
  header.write(content ? '0' : '5', 156);
  header.write('ustar\0' + '00', 257, 'latin1');
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  if (!content) return [header];
  return [header, Buffer.from(content), Buffer.alloc(paddingOf(content.length))];
}

const paddingOf = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK;

/**
 * What an archive holds: for each path all that makes it what it is (kind, mode, owner, extended attributes, where a link leads, a digest of the content), but its time.
 * Nothing of it is kept in memory.
 */
export async function contentsOf(archive: AsyncIterable<Buffer>): Promise<Map<string, string>> {
  const contents = new Map<string, string>();
  let pending: Buffer = Buffer.alloc(0);
  let extended: Buffer[] = [];
  let entry: { header: Buffer; hash: Hash; left: number; padding: number } | undefined;
  for await (const chunk of archive) {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    for (;;) {
      if (entry) {
        const taken = Math.min(entry.left, pending.length);
        entry.hash.update(pending.subarray(0, taken));
        if (isExtended(entry.header)) extended.push(Buffer.from(pending.subarray(0, taken)));
        entry.left -= taken;
        pending = pending.subarray(taken);
        if (entry.left > 0 || pending.length < entry.padding) break;
        pending = pending.subarray(entry.padding);
        if (!isExtended(entry.header)) {
          const records = recordsOf(Buffer.concat(extended));
          const path = pathOf(entry.header, records);
          // What stands there twice is nothing that we wrote.
          contents.set(path, contents.has(path) ? TWICE : kindOf(entry.header, records, entry.hash));
          extended = [];
        }
        entry = undefined;
      }
      if (pending.length < BLOCK) break;
      const header = Buffer.from(pending.subarray(0, BLOCK));
      pending = pending.subarray(BLOCK);
      if (header[0] === 0) continue;
      const left = Number.parseInt(text(header, 124, 12), 8) || 0;
      entry = { header, hash: createHash('sha256'), left, padding: paddingOf(left) };
    }
  }
  return contents;
}

function text(header: Buffer, at: number, length: number): string {
  const field = header.toString('latin1', at, at + length);
  const end = field.indexOf('\0');
  return (end === -1 ? field : field.slice(0, end)).trim();
}

const typeOf = (header: Buffer): string => text(header, 156, 1);
const isExtended = (header: Buffer): boolean => ['x', 'g'].includes(typeOf(header));

const TWICE = JSON.stringify(['twice']);

/** The records of an extended header, `"%d %s=%s\\n", length, keyword, value`: a value may hold anything, line ends too. */
function recordsOf(bytes: Buffer): string[] {
  const records: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = /^[0-9]{1,10} /.exec(bytes.toString('latin1', at, at + 11))?.[0];
    const end = at + Number(length);
    if (length === undefined || end <= at + length.length || end > bytes.length)
      throw new Error('An extended header of the archive is malformed.');
    records.push(bytes.toString('latin1', at + length.length, end - 1));
    at = end;
  }
  return records;
}

function pathOf(header: Buffer, records: readonly string[]): string {
  const long = records.findLast((record) => record.startsWith('path='))?.slice('path='.length);
  const prefix = text(header, 345, 155);
  return (long ?? (prefix ? `${prefix}/` : '') + text(header, 0, 100)).replace(/\/$/, '');
}

function kindOf(header: Buffer, records: readonly string[], hash: Hash): string {
  const attributes = records.filter((record) => !/^(path|[amc]time)=/.test(record));
  const [mode, user, group] = [text(header, 100, 8), text(header, 108, 8), text(header, 116, 8)].map(
    (field) => Number.parseInt(field, 8),
  );
  const link = text(header, 157, 100);
  return JSON.stringify([typeOf(header), mode! & 0o7777, user, group, link, attributes, hash.digest('hex')]);
}
