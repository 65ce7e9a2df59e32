import { CodedError } from '#errors/coded-error.ts';
import { LIMITS } from '#protocol/api.ts';
import type { FromCage } from '#protocol/link-messages.ts';
import type { Vault } from '#vault/vault.ts';
import type { TaskFilesStore } from '../store/task-files-store.ts';
import type { Attempt } from './attempt.ts';

type Piece = Extract<FromCage, { type: 'output_file' }>;

interface Parts {
  readonly attempt: Attempt;
  readonly vault: Vault;
  readonly files: TaskFilesStore;
}

interface Received {
  readonly bytes: number;
  readonly pieces: number;
  readonly complete: boolean;
}

const PIECE_LIMIT_BYTES = 192 * 1024;
/** Of the largest file. */
const PIECES_LIMIT = Math.ceil(LIMITS.outputFileBytes / PIECE_LIMIT_BYTES);
const PATH_LIMIT_BYTES = 300;

/**
 * Takes in the files that one attempt leaves: each piece is sealed and written before it is acknowledged. The cage keeps to the limits itself; they are held
 * here as well, since a cage is not believed.
 */
export class FileDesk {
  readonly #parts: Parts;
  #received: Map<string, Received> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Throws `output_too_large` with the limit, `link_message_unknown` for a path that leads elsewhere or a piece out of order. A piece that comes a second
   * time changes nothing.
   */
  async take({ path, piece, last, data }: Piece): Promise<void> {
    refusePath(path);
    const bytes = Buffer.from(data, 'base64');
    // Many small pieces would be few bytes and many rows.
    if (bytes.length > PIECE_LIMIT_BYTES || piece >= PIECES_LIMIT)
      throw new CodedError('link_message_unknown', { part: 'piece' });
    const received = (this.#received ??= await this.#earlier());
    const file = received.get(path) ?? { bytes: 0, pieces: 0, complete: false };
    if (piece < file.pieces) return;
    if (piece > file.pieces || file.complete)
      throw new CodedError('link_message_unknown', { part: 'order of pieces' });
    const grown = { bytes: file.bytes + bytes.length, pieces: file.pieces + 1, complete: last };
    refuseTooLarge(new Map(received).set(path, grown), grown);
    await this.#write(path, piece, last, bytes);
    received.set(path, grown);
  }

  async #write(path: string, piece: number, last: boolean, bytes: Buffer): Promise<void> {
    const { organisation, task, epoch } = this.#parts.attempt;
    const sealed = await this.#parts.vault.sealContent(
      { kind: 'file', organisation, task, epoch, path, piece, last },
      bytes,
    );
    await this.#parts.files.add({
      organisation,
      task,
      epoch,
      path,
      piece,
      last,
      bytes: bytes.length,
      sealed,
    });
  }

  /** What an earlier controller took in. */
  async #earlier(): Promise<Map<string, Received>> {
    const { organisation, task, epoch } = this.#parts.attempt;
    const files = await this.#parts.files.ofAttempt(organisation, task, epoch);
    return new Map(
      files.map(({ path, bytes, pieces, complete }) => [
        path,
        { bytes: Number(bytes), pieces: Number(pieces), complete },
      ]),
    );
  }
}

function refusePath(path: string): void {
  const parts = path.split('/');
  const sound =
    Buffer.byteLength(path) <= PATH_LIMIT_BYTES &&
    path.isWellFormed() &&
    !/\p{Cc}|\\/u.test(path) &&
    parts.every((part) => part !== '' && part !== '.' && part !== '..');
  if (!sound) throw new CodedError('link_message_unknown', { part: 'path' });
}

function refuseTooLarge(received: ReadonlyMap<string, Received>, file: Received): void {
  if (received.size > LIMITS.outputFiles)
    throw new CodedError('output_too_large', { what: 'files', limit: LIMITS.outputFiles });
  if (file.bytes > LIMITS.outputFileBytes)
    throw new CodedError('output_too_large', { what: 'bytes of one file', limit: LIMITS.outputFileBytes });
  const all = [...received.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  if (all > LIMITS.outputBytes)
    throw new CodedError('output_too_large', { what: 'bytes of all files', limit: LIMITS.outputBytes });
}
