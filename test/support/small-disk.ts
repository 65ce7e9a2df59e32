import { execFile } from 'node:child_process';
import { mkdtemp, open, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const MIB = 1024 * 1024;

/** A disk of its own for a home, in memory, which can be filled and made larger. */
export class SmallDisk implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async mount(mib: number): Promise<SmallDisk> {
    const path = await mkdtemp(join(tmpdir(), 'clawcage-disk-'));
    await run('mount', ['-t', 'tmpfs', '-o', `size=${mib}m,mode=700`, 'none', path]);
    return new SmallDisk(path);
  }

  /** Leaves so much free. */
  async fill(leaveMib: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.path);
    const bytes = bavail * bsize - leaveMib * MIB;
    if (bytes <= 0) return;
    await using ballast = await open(join(this.path, 'ballast'), 'a');
    const zeros = Buffer.alloc(MIB);
    for (let left = bytes; left > 0; left -= MIB) await ballast.write(zeros, 0, Math.min(left, MIB));
  }

  async makeRoom(): Promise<void> {
    await rm(join(this.path, 'ballast'), { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run('umount', ['-l', this.path]);
    await rm(this.path, { recursive: true, force: true });
  }
}
