import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CodedError } from '#errors/coded-error.ts';

/** The files that come with a task, written to `<work>/in` piece by piece in the order in which the pieces come. */
export class InputFiles {
  readonly #folder: string;
  readonly #begun = new Set<string>();
  #last: Promise<void> = Promise.resolve();

  constructor(work: string) {
    this.#folder = join(work, 'in');
  }

  /** Resolves when the piece is written, or could not be: that is told by `written`, to whoever needs the files. */
  add(piece: { readonly name: string; readonly data: string }): Promise<void> {
    this.#last = this.#last.then(() => this.#write(piece));
    return this.#last.catch(() => undefined);
  }

  /** Resolves when all pieces are on the file system; throws `request_invalid` for a name that is not a plain one, or the error of writing. */
  written(): Promise<void> {
    return this.#last;
  }

  async #write(piece: { readonly name: string; readonly data: string }): Promise<void> {
    if (!isPlainName(piece.name))
      throw new CodedError('request_invalid', {
        field: 'files',
        reason: 'A file name is a plain one, without folders.',
      });
    await mkdir(this.#folder, { recursive: true });
    const write = this.#begun.has(piece.name) ? appendFile : writeFile;
    this.#begun.add(piece.name);
    try {
      await write(join(this.#folder, piece.name), Buffer.from(piece.data, 'base64'));
    } catch (error) {
      throw new CodedError('request_too_large', {
        reason: `The files do not fit into the cage (${(error as NodeJS.ErrnoException).code}).`,
      });
    }
  }
}

const isPlainName = (name: string): boolean =>
  name === basename(name) &&
  name.length > 0 &&
  Buffer.byteLength(name) <= 255 &&
  !['.', '..'].includes(name) &&
  !name.includes('\0');
