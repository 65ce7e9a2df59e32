import { openSync, writeSync } from 'node:fs';

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
    const before = `${this.#isTorn ? '\n' : ''}${this.#lines > 0 ? this.#lost(this.#lines) : ''}`;
    if (this.#add(before + line)) this.#lines = 0;
    else this.#lines += 1;
  }

  #add(text: string): boolean {
    const bytes = Buffer.from(text);
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(this.#file, bytes, written);
    } catch {
      this.#isTorn ||= written > 0;
      return false;
    }
    this.#isTorn = false;
    return true;
  }
}
