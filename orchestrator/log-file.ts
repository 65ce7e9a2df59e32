import { openSync, writeSync } from 'node:fs';

const LINE_END = 0x0a;

/**
 * A file that lines are added to, each at once. A disk that is full takes none of them, and that is all: who writes goes on, and how many were lost is told once there is space
 * again. (A file that writes by and by would have to keep them, and wait for the disk when the process ends.)
 */
export class LogFile {
  readonly #file: number;
  readonly #lost: (lines: number) => string;
  #lines = 0;
  /** A line stands there in part. */
  #isTorn = false;

  /** Its folder is there (openHome). `lost` makes the line that tells of so many lost ones. */
  constructor(path: string, lost: (lines: number) => string) {
    this.#lost = lost;
    this.#file = openSync(path, 'a', 0o600);
  }

  /** Never throws. */
  write(line: string): void {
    const before = Buffer.from(
      `${this.#isTorn ? '\n' : ''}${this.#lines > 0 ? this.#lost(this.#lines) : ''}`,
    );
    const bytes = Buffer.concat([before, Buffer.from(line)]);
    const written = this.#add(bytes);
    // What was told of the lines before is told, also where this one is lost.
    if (written >= before.length) this.#lines = 0;
    if (written < bytes.length) this.#lines += 1;
  }

  /** How many of them have been written. */
  #add(bytes: Buffer): number {
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(this.#file, bytes, written);
    } catch {
      // The lines that it has lost are told later.
    }
    if (written > 0) this.#isTorn = bytes[written - 1] !== LINE_END;
    return written;
  }
}
