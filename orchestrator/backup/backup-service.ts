import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { CodedError } from '#errors/coded-error.ts';
import type { Log } from '../log.ts';
import { assertRoom, ROOM_TO_ACCEPT } from '../home/disk-room.ts';
import type { Store } from '../store/store.ts';
import { FORMAT_VERSION, rowLine, type BackupHeader } from './backup-file.ts';

interface Parts {
  readonly store: Pick<Store, 'dump'>;
  readonly home: string;
  readonly install: string;
  readonly release: string;
  readonly log: Pick<Log, 'info'>;
}

export interface Backup {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: Buffer;
  readonly content: Readable;
}

/**
 * Makes backups while everything goes on. One is written whole to a file in the home before the first byte of it is handed out, so that a reader that is slow holds up nobody and
 * what fails is told by a code; that file has no name, so that whatever happens none is left. It takes no room that what was accepted needs. One at a time.
 */
export class BackupService {
  readonly #parts: Parts;
  #before: Promise<unknown> = Promise.resolve();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Throws `store_unavailable`, `store_full`. */
  make(): Promise<Backup> {
    const mine = this.#before.then(() => this.#make());
    this.#before = mine.catch(() => undefined);
    return mine;
  }

  async #make(): Promise<Backup> {
    const { home, install, log } = this.#parts;
    const began = performance.now();
    const madeAt = new Date();
    const file = await nameless(home);
    try {
      const { rows, sha256 } = await this.#write(file, madeAt);
      const { size: bytes } = await file.stat();
      log.info({ rows, bytes, ms: Math.round(performance.now() - began) }, 'a backup was made');
      const content = file.createReadStream({ start: 0 });
      const day = madeAt.toISOString().slice(0, 19).replaceAll(/[-:]/g, '');
      return { name: `clawcage-${install}-${day}.backup`, bytes, sha256, content };
    } catch (error) {
      await file.close();
      throw (error as NodeJS.ErrnoException).code === 'ENOSPC'
        ? new CodedError('store_full', { folder: home })
        : error;
    }
  }

  async #write(file: FileHandle, madeAt: Date): Promise<{ rows: number; sha256: Buffer }> {
    const { store, home, install, release } = this.#parts;
    const lines = new PassThrough();
    const gzip = createGzip({ level: 6 });
    const packed = createHash('sha256');
    gzip.on('data', (chunk: Buffer) => packed.update(chunk));
    const written = pipeline(lines, gzip, (chunks: AsyncIterable<Buffer>) => file.writeFile(chunks));
    written.catch(() => undefined);
    const hash = createHash('sha256');
    let rows = 0;
    const put = async (line: string): Promise<void> => {
      const bytes = `${line}\n`;
      hash.update(bytes);
      if (!lines.write(bytes)) await Promise.race([once(lines, 'drain'), written]);
    };
    try {
      await store.dump({
        begin: (migrations) =>
          put(
            JSON.stringify({
              clawcageBackup: FORMAT_VERSION,
              release,
              install,
              madeAt: madeAt.toISOString(),
              migrations: [...migrations],
            } satisfies BackupHeader),
          ),
        table: (table, columns) => put(JSON.stringify({ table, columns })),
        rows: async (some) => {
          assertRoom(home, ROOM_TO_ACCEPT);
          rows += some.length;
          await put(some.map(rowLine).join('\n'));
        },
      });
    } catch (error) {
      lines.destroy();
      await written.catch(() => undefined);
      throw error;
    }
    lines.end(`${JSON.stringify({ rows, sha256: hash.digest('hex') })}\n`);
    await written;
    return { rows, sha256: packed.digest() };
  }
}

async function nameless(folder: string): Promise<FileHandle> {
  const name = join(folder, `.backup-${randomBytes(8).toString('hex')}`);
  const file = await open(name, 'wx+', 0o600);
  await rm(name);
  return file;
}
