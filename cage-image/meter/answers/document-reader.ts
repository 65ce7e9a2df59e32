import { EMPTY, type BodyReader } from './body-reader.ts';

const MAX_HELD_BYTES = 4 * 1024 * 1024;

/** A JSON document that passes unchanged and is told at its end. One larger than 4 MiB, or no JSON, is not told. */
export function documentReader(tell: (value: unknown) => void): BodyReader {
  const held = new Held();
  return {
    push: (chunk) => {
      held.push(chunk);
      return chunk;
    },
    end: () => {
      const value = held.value();
      if (value !== undefined) tell(value);
      return EMPTY;
    },
    usage: () => undefined,
  };
}

/** A JSON document that the agent gets in another form. One larger than 4 MiB, or no JSON, does not pass: `rewrite` gets undefined. */
export function rewritingReader(rewrite: (value: unknown) => unknown): BodyReader {
  const held = new Held();
  return {
    push: (chunk) => {
      held.push(chunk);
      return EMPTY;
    },
    end: () => Buffer.from(JSON.stringify(rewrite(held.value()))),
    usage: () => undefined,
  };
}

class Held {
  #chunks: Buffer[] = [];
  #size = 0;

  push(chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#size <= MAX_HELD_BYTES) this.#chunks.push(chunk);
    else this.#chunks = [];
  }

  value(): unknown {
    try {
      return JSON.parse(Buffer.concat(this.#chunks).toString('utf8'));
    } catch {
      return undefined;
    }
  }
}
