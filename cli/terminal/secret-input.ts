import { failure } from '../failure.ts';
import type { Input, Terminal } from './terminal.ts';

const LONGEST_BYTES = 4096;

/**
 * A secret from a pipe, or typed at a prompt that shows nothing. The bytes are the caller's to overwrite; they are never a string here,
 * since strings cannot be overwritten. `usage_invalid` where it is empty, too long or not printable ASCII; the message never quotes it.
 */
export async function readSecret(terminal: Terminal, prompt: string): Promise<Buffer> {
  const bytes = terminal.stdin.isTTY ? await typed(terminal, prompt) : await piped(terminal.stdin);
  const secret = trimmed(bytes);
  if (secret.length === 0)
    throw failure('usage_invalid', { secret: 'empty: give it on standard input, or type it at the prompt' });
  if (secret.length < 8) throw failure('usage_invalid', { secret: 'shorter than 8 characters' });
  if (secret.some((byte) => byte < 0x21 || byte > 0x7e)) {
    secret.fill(0);
    throw failure('usage_invalid', { secret: 'has characters other than printable ASCII without spaces' });
  }
  return secret;
}

/** Without white space at both ends; the same memory. */
function trimmed(bytes: Buffer): Buffer {
  const blank = (byte: number | undefined): boolean =>
    byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
  let [start, end] = [0, bytes.length];
  while (start < end && blank(bytes[start])) start++;
  while (end > start && blank(bytes[end - 1])) end--;
  return bytes.subarray(start, end);
}

async function piped(stdin: Input): Promise<Buffer> {
  const store = new Growing();
  for await (const chunk of stdin) store.add(Buffer.from(chunk as Buffer));
  return store.taken();
}

const ENTER = [0x0a, 0x0d];
const ERASE = [0x08, 0x7f];
const [CTRL_C, CTRL_D, CTRL_U] = [0x03, 0x04, 0x15];

function typed({ stdin, stderr }: Terminal, prompt: string): Promise<Buffer> {
  stderr.write(`${prompt} (hidden): `);
  stdin.setRawMode?.(true);
  return new Promise((resolve, reject) => {
    const store = new Growing();
    const end = (settle: () => void): void => {
      stdin.off('data', onData);
      stdin.setRawMode?.(false);
      stdin.pause();
      stderr.write('\n');
      settle();
    };
    const onByte = (byte: number): boolean => {
      if (ENTER.includes(byte) || byte === CTRL_D) end(() => resolve(store.taken()));
      else if (byte === CTRL_C) end(() => reject(failure('task_cancelled')));
      else if (ERASE.includes(byte)) store.dropLast();
      else if (byte === CTRL_U) store.clear();
      else {
        store.add(Buffer.from([byte]));
        return false;
      }
      return ENTER.includes(byte) || byte === CTRL_D || byte === CTRL_C;
    };
    const onData = (chunk: Buffer): void => {
      try {
        for (const byte of chunk) if (onByte(byte)) break;
      } catch (error) {
        end(() => reject(error));
      } finally {
        chunk.fill(0);
      }
    };
    stdin.on('data', onData);
    stdin.resume();
  });
}

/** A buffer of the greatest size, so that growing leaves no copies behind. */
class Growing {
  readonly #bytes = Buffer.alloc(LONGEST_BYTES + 16);
  #length = 0;

  add(chunk: Buffer): void {
    if (this.#length + chunk.length > this.#bytes.length) {
      this.#bytes.fill(0);
      throw failure('usage_invalid', { secret: `longer than ${LONGEST_BYTES} bytes` });
    }
    chunk.copy(this.#bytes, this.#length);
    this.#length += chunk.length;
    chunk.fill(0);
  }

  dropLast(): void {
    if (this.#length > 0) this.#bytes[--this.#length] = 0;
  }

  clear(): void {
    this.#bytes.fill(0);
    this.#length = 0;
  }

  taken(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }
}
