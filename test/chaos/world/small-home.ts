import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const SIZE = '192m';

/** The home of a run; as root on a file system of its own, which can be filled to the last byte. */
export class SmallHome implements AsyncDisposable {
  readonly path: string;
  readonly canBeFull: boolean;

  private constructor(path: string, canBeFull: boolean) {
    this.path = path;
    this.canBeFull = canBeFull;
  }

  static async make(isOwnDisk: boolean): Promise<SmallHome> {
    const path = mkdtempSync(join(tmpdir(), 'clawcage-chaos-home-'));
    if (isOwnDisk) await run('mount', ['-t', 'tmpfs', '-o', `size=${SIZE},mode=0700`, 'tmpfs', path]);
    return new SmallHome(path, isOwnDisk);
  }

  fill(): void {
    const { bavail, bsize } = statfsSync(this.path);
    try {
      writeFileSync(this.#ballast, Buffer.alloc(bavail * bsize));
    } catch (error) {
      // Somebody else wrote meanwhile: it is as full.
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }

  empty(): void {
    rmSync(this.#ballast, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.canBeFull) await run('umount', ['-l', this.path]).catch(() => undefined);
    rmSync(this.path, { recursive: true, force: true });
  }

  get #ballast(): string {
    return join(this.path, 'ballast');
  }
}
