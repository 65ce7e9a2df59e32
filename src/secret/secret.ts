import { inspect } from 'node:util';

/**
 * A zeroed Buffer outside V8's heap. `Buffer.alloc` keeps up to 64 bytes inside it, where the garbage collector moves them about and
 * leaves copies that nobody can overwrite: anything secret of a known length belongs here.
 */
export function offHeap(size: number): Buffer {
  return Buffer.from(new ArrayBuffer(size));
}

/**
 * Bytes that must not leak. Prints, serialises and inspects as `[secret]`; opened only on purpose with `expose`,
 * and overwritten by `wipe` (or `using`). Holds a Buffer and never a string, since strings cannot be overwritten.
 */
export class Secret implements Disposable {
  #bytes: Buffer | undefined;

  /** Takes the buffer over: the caller must not keep or change it. See `offHeap` for how to make one. */
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Copies text into a secret; the string itself cannot be wiped, so use it only at the edge where text arrives. */
  static fromText(text: string): Secret {
    return new Secret(Buffer.from(text, 'utf8'));
  }

  /** The bytes themselves, not a copy; throws after `wipe`. */
  expose(): Buffer {
    if (this.#bytes === undefined) throw new Error('The secret was wiped.');
    return this.#bytes;
  }

  get wiped(): boolean {
    return this.#bytes === undefined;
  }

  wipe(): void {
    this.#bytes?.fill(0);
    this.#bytes = undefined;
  }

  [Symbol.dispose](): void {
    this.wipe();
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}
