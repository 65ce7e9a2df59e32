import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

const WARDEN_DESCRIPTOR = 4;

/** What the warden tells the agent on its descriptor 4: JSON objects, one a line, each of a `kind`. Others are passed over. */
export class WardenLines {
  readonly #listeners = new Map<string, (line: object) => void>();
  #onEnd: () => void = () => undefined;

  constructor(input: Readable) {
    createInterface({ input: input.on('error', () => this.#onEnd()), crlfDelay: Infinity })
      .on('line', (line) => this.#take(line))
      .on('close', () => this.#onEnd());
  }

  static open(): WardenLines {
    return new WardenLines(new Socket({ fd: WARDEN_DESCRIPTOR, readable: true, writable: false }));
  }

  /** One listener for each kind. */
  on(kind: string, listener: (line: object) => void): void {
    this.#listeners.set(kind, listener);
  }

  /** Nothing more can come. */
  onEnd(listener: () => void): void {
    this.#onEnd = listener;
  }

  #take(text: string): void {
    const line = parsed(text);
    const kind = (line as { kind?: unknown } | null)?.kind;
    if (typeof line === 'object' && line !== null && typeof kind === 'string')
      this.#listeners.get(kind)?.(line);
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
