import { isUtf8 } from 'node:buffer';
import type { Dirent } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { CodedError } from '#errors/coded-error.ts';
import { FILE, FOLDER, openBelow } from './open-below.ts';

export interface OutputFile {
  /** Below `/work/out`. */
  readonly path: string;
  readonly bytes: number;
}

export const OUTPUT_LIMITS = {
  files: 100,
  fileBytes: 16 * 1024 * 1024,
  totalBytes: 64 * 1024 * 1024,
  pathBytes: 300,
  /** Files, folders and all else, so that looking comes to an end. */
  entries: 10_000,
} as const;

/**
 * The regular files below `root`, in the order of their paths, and why others are left out (links, sockets, pipes; names that are too long, no UTF-8 or hold
 * control characters). Nothing may be changing them. Errors: `output_too_large`.
 */
export async function scanOutput(
  root: string,
  except: ReadonlySet<string> = new Set(),
): Promise<{ files: OutputFile[]; leftOut: string[] }> {
  const scan = new Scan(root, except);
  await scan.folder([]);
  return { files: scan.files, leftOut: scan.leftOut };
}

class Scan {
  readonly files: OutputFile[] = [];
  readonly leftOut: string[] = [];
  readonly #root: string;
  readonly #except: ReadonlySet<string>;
  #entries = 0;
  #bytes = 0;

  constructor(root: string, except: ReadonlySet<string>) {
    this.#root = root;
    this.#except = except;
  }

  async folder(parts: readonly string[]): Promise<void> {
    for (const entry of await this.#list(parts)) {
      const name = entry.name.toString('utf8');
      const path = [...parts, name].join('/');
      if (this.#except.has(path)) continue;
      const reason = whyNot(entry, path);
      if (reason !== undefined) this.leftOut.push(`/work/out/${printable(path)} was left out: ${reason}.`);
      else if (entry.isDirectory()) await this.folder([...parts, name]);
      else await this.#file(path);
    }
  }

  async #list(parts: readonly string[]): Promise<Dirent<Buffer>[]> {
    const folder = await this.#open(parts, FOLDER);
    if (folder === undefined) return [];
    try {
      // Counted while they come: all of a folder at once may be more than the cage has memory for.
      const listing = await opendir(`/proc/self/fd/${folder.fd}`, {
        encoding: 'buffer' as BufferEncoding,
        bufferSize: 256,
      });
      const entries: Dirent<Buffer>[] = [];
      // Node's type knows names as strings only.
      for await (const entry of listing as unknown as AsyncIterable<Dirent<Buffer>>) {
        if (++this.#entries > OUTPUT_LIMITS.entries)
          throw tooLarge({ reason: 'There are too many files and folders.' });
        entries.push(entry);
      }
      return entries.toSorted((a, b) => Buffer.compare(a.name, b.name));
    } finally {
      await folder.close();
    }
  }

  async #file(path: string): Promise<void> {
    const file = await this.#open(path.split('/'), FILE);
    if (file === undefined) return;
    const { size } = await file.stat().finally(() => file.close());
    if (size > OUTPUT_LIMITS.fileBytes)
      throw tooLarge({ path, bytes: size, limitBytes: OUTPUT_LIMITS.fileBytes });
    this.#bytes += size;
    this.files.push({ path, bytes: size });
    if (this.files.length > OUTPUT_LIMITS.files) throw tooLarge({ limitFiles: OUTPUT_LIMITS.files });
    if (this.#bytes > OUTPUT_LIMITS.totalBytes) throw tooLarge({ limitTotalBytes: OUTPUT_LIMITS.totalBytes });
  }

  async #open(parts: readonly string[], flags: number) {
    try {
      return await openBelow(this.#root, parts, flags);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const isRoot = parts.length === 0;
      if (!isRoot || code !== 'ENOENT')
        this.leftOut.push(
          `/work/out${isRoot ? '' : `/${parts.join('/')}`} was left out: it could not be opened (${code}).`,
        );
      return undefined;
    }
  }
}

function whyNot(entry: Dirent<Buffer>, path: string): string | undefined {
  if (!isUtf8(entry.name)) return 'its name is no UTF-8';
  // Control characters of ASCII and Latin-1, and the separators that some programs take for line ends.
  if (/[\p{Cc}\u2028\u2029]/u.test(path)) return 'its name holds control characters';
  if (Buffer.byteLength(path) > OUTPUT_LIMITS.pathBytes)
    return `its path is longer than ${OUTPUT_LIMITS.pathBytes} bytes`;
  if (entry.isSymbolicLink()) return 'it is a link';
  return entry.isFile() || entry.isDirectory() ? undefined : 'it is no regular file';
}

const printable = (path: string): string => path.replace(/[\p{C}\u2028\u2029]/gu, '?').slice(0, 300);

const tooLarge = (details: Record<string, unknown>): CodedError =>
  new CodedError('output_too_large', details);
