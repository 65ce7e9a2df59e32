import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const LIB = '/usr/lib';
const NAME = 'faketime/libfaketimeMT.so.1';

/** Debian's libfaketime, where it is installed. */
export function libfaketime(): string | undefined {
  const found = readdirSync(LIB).map((folder) => join(LIB, folder, NAME));
  return found.find((file) => existsSync(file));
}

/** The wall clock of the processes that get its `env`: it can be stepped while they run. What they measure by monotonic clocks is left alone. */
export class SteppedClock {
  readonly env: Readonly<Record<string, string>>;
  readonly #file: string;

  constructor(library: string, folder: string, name: string) {
    this.#file = join(folder, `${name}.clock`);
    this.step(0);
    this.env = {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      FAKETIME_DONT_RESET: '1',
    };
  }

  /** Seconds off the machine's clock. */
  step(seconds: number): void {
    writeFileSync(this.#file, `${seconds < 0 ? '-' : '+'}${Math.abs(seconds)}\n`);
  }
}
