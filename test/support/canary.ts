import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** A text that must not be found, and the forms in which it could hide. */
export class Canary {
  readonly #forms: { readonly name: string; readonly bytes: Buffer }[];

  constructor(text: string) {
    const raw = Buffer.from(text);
    this.#forms = [
      { name: 'raw', bytes: raw },
      { name: 'hex', bytes: Buffer.from(raw.toString('hex')) },
      { name: 'JSON', bytes: Buffer.from(JSON.stringify(text).slice(1, -1)) },
      { name: 'UTF-16', bytes: Buffer.from(text, 'utf16le') },
      ...[0, 1, 2].map((offset) => ({ name: `base64+${offset}`, bytes: base64At(raw, offset) })),
    ];
  }

  /** The forms that a piece of data holds. */
  in(data: Buffer | string): string[] {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    return this.#forms.filter((form) => bytes.includes(form.bytes)).map((form) => form.name);
  }

  /** Every file under a folder that holds it; what vanishes meanwhile holds nothing. */
  inFiles(folder: string): string[] {
    return filesUnder(folder).flatMap((file) =>
      this.in(readOrEmpty(file)).map((form) => `${file} (${form})`),
    );
  }

  /** The writable memory of a process. */
  inMemory(pid: number): string[] {
    const memory = openSync(`/proc/${pid}/mem`, 'r');
    try {
      return writableRegions(pid).flatMap((region) => this.#inRegion(memory, region));
    } finally {
      closeSync(memory);
    }
  }

  #inRegion(memory: number, { from, to, line }: Region): string[] {
    const overlap = Math.max(...this.#forms.map((form) => form.bytes.length));
    const chunk = Buffer.alloc(4 * 1024 * 1024);
    for (let at = from; at < to; at += chunk.length - overlap) {
      const read = readAt(memory, chunk, Math.min(chunk.length, to - at), at);
      const found = this.in(chunk.subarray(0, read));
      if (found.length > 0) return found.map((form) => `${line} (${form})`);
    }
    return [];
  }
}

interface Region {
  readonly from: number;
  readonly to: number;
  readonly line: string;
}

/** The middle of the base64 text, which does not depend on what stands before and after. */
function base64At(raw: Buffer, offset: number): Buffer {
  const text = Buffer.concat([Buffer.alloc(offset), raw]).toString('base64');
  return Buffer.from(text.slice(offset === 0 ? 0 : 4, text.length - 4));
}

function filesUnder(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function readOrEmpty(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

function writableRegions(pid: number): Region[] {
  return readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .filter((line) => / rw.. /.test(line) && !/\[v(var|dso|syscall)/.test(line))
    .map((line) => {
      const [from, to] = line
        .split(' ')[0]!
        .split('-')
        .map((address) => Number.parseInt(address, 16)) as [number, number];
      return { from, to, line: line.replace(/\s+/g, ' ') };
    });
}

/** Pages that cannot be read hold nothing of ours. */
function readAt(memory: number, chunk: Buffer, length: number, position: number): number {
  try {
    return readSync(memory, chunk, 0, length, position);
  } catch {
    return 0;
  }
}
