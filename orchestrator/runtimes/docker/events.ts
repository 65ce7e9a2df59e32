import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { CageEnded } from '#runtime/runtime.ts';
import { EndedChannel } from '../ended-channel.ts';
import type { Engine } from './engine.ts';
import { LABEL_CAGE, LABEL_INSTALL } from './spec.ts';

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/** One line of the engine's event stream. */
interface EngineEvent {
  readonly Action?: string;
  readonly timeNano?: number;
  readonly Actor?: { readonly ID?: string; readonly Attributes?: Readonly<Record<string, string>> };
}

/**
 * The ends of this installation's cages from the moment of the call. A broken stream is opened again from the last event's time;
 * what happened while the engine itself was away is not in it (`list` finds that).
 */
export function endedCages(engine: Engine, install: string, signal: AbortSignal): AsyncIterable<CageEnded> {
  const channel = new EndedChannel(signal);
  void follow(engine, install, channel, signal);
  return channel;
}

async function follow(
  engine: Engine,
  install: string,
  channel: EndedChannel,
  signal: AbortSignal,
): Promise<void> {
  const reader = new EndedReader(Date.now());
  let pauseMs = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    try {
      const stream = await open(engine, install, reader.since, signal);
      pauseMs = FIRST_PAUSE_MS;
      await readLines(stream, signal, (line) => {
        const ended = reader.read(line);
        if (ended) channel.push(ended);
      });
    } catch {
      // Whoever needs to know that the engine is away asks `prepare` or `list`; here it only means waiting for it.
    }
    await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

async function open(engine: Engine, install: string, since: string, signal: AbortSignal): Promise<Readable> {
  const filters = {
    type: ['container'],
    event: ['die', 'oom'],
    label: [`${LABEL_INSTALL}=${install}`, LABEL_CAGE],
  };
  // A signal of its own: the call's deadline is for the answer, not for the stream that follows it.
  const connection = new AbortController();
  try {
    const options = { since, filters, abortSignal: connection.signal };
    return await engine.ask(
      'events',
      signal,
      async (docker) => (await docker.getEvents(options as object)) as Readable,
    );
  } catch (error) {
    connection.abort();
    throw error;
  }
}

async function readLines(
  stream: Readable,
  signal: AbortSignal,
  onLine: (line: string) => void,
): Promise<void> {
  const stop = (): void => void stream.destroy();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  stream.on('error', () => undefined);
  try {
    for await (const line of createInterface({ input: stream })) onLine(line);
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}

/** Turns event lines into ends: an `oom` of a container comes before its `die`, and only the two together tell the whole. */
export class EndedReader {
  readonly #outOfMemory = new Set<string>();
  #lastNano: bigint;

  constructor(startMs: number) {
    this.#lastNano = BigInt(startMs) * 1_000_000n - 1n;
  }

  /** The engine's `since` for what follows the last line read: seconds and nanoseconds. */
  get since(): string {
    const next = this.#lastNano + 1n;
    return `${next / 1_000_000_000n}.${String(next % 1_000_000_000n).padStart(9, '0')}`;
  }

  /** Undefined where the line is no end: an `oom`, another action, or not of the form that engines send. */
  read(line: string): CageEnded | undefined {
    const event = parse(line);
    const id = event?.Actor?.ID;
    const attributes = event?.Actor?.Attributes;
    const cageId = attributes?.[LABEL_CAGE];
    if (!event || !id || !cageId) return undefined;
    this.#advance(line);
    if (event.Action === 'oom') this.#outOfMemory.add(id);
    if (event.Action !== 'die') return undefined;
    const exitCode = Number(attributes['exitCode'] ?? Number.NaN);
    return {
      cageId,
      exitCode: Number.isInteger(exitCode) ? exitCode : undefined,
      outOfMemory: this.#outOfMemory.delete(id),
    };
  }

  /** From the text, since a time in nanoseconds is beyond the exact integers of a JSON number. */
  #advance(line: string): void {
    const nano = /"timeNano":(\d+)/.exec(line)?.[1];
    if (nano !== undefined && BigInt(nano) > this.#lastNano) this.#lastNano = BigInt(nano);
  }
}

function parse(line: string): EngineEvent | undefined {
  try {
    return JSON.parse(line) as EngineEvent;
  } catch {
    return undefined;
  }
}
