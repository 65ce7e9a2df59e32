import { randomBytes } from 'node:crypto';
import { CodedError } from '#errors/coded-error.ts';
import type { EventKeys } from '../../orchestrator/events/event-keys.ts';
import type {
  Appended,
  Kept,
  NewEntry,
  SealedEntry,
  StreamLog,
  TaskRef,
} from '../../orchestrator/events/stream-log.ts';

interface Stream {
  readonly wrapped: Buffer;
  lastId: number;
  fence: number;
  over: boolean;
  readonly entries: SealedEntry[];
  readonly seen: Map<string, number>;
}

const HEAD_BYTES = 16;

/** A key stands beside its stream behind some noise, so that no two wraps are equal. */
export const openKeys: EventKeys = {
  wrap: (_of, key) => Promise.resolve(Buffer.concat([randomBytes(HEAD_BYTES), key])),
  unwrap: (_of, wrapped) => Promise.resolve(Buffer.from(wrapped.subarray(HEAD_BYTES))),
};

export const keyOf = (wrapped: Buffer): Buffer => wrapped.subarray(HEAD_BYTES);

/** The streams of a Redis, as the scripts beside stream-log.ts keep them. Its clock goes on with each command. */
export class FakeStreams {
  readonly #streams = new Map<string, Stream>();
  readonly #logs: FakeStreamLog[] = [];
  #nowUs = 0;
  tickUs = 1_000_000;
  #turns = 0;

  connect(): FakeStreamLog {
    const log = new FakeStreamLog(this);
    this.#logs.push(log);
    return log;
  }

  kept({ task }: TaskRef): Kept | undefined {
    const stream = this.#streams.get(task);
    return stream && { wrapped: stream.wrapped, lastId: stream.lastId, entries: [...stream.entries] };
  }

  loseAll(): void {
    this.#streams.clear();
  }

  /** Back with a log that lacks the newest `count` entries, and what was seen of them. */
  loseNewest({ task }: TaskRef, count: number): void {
    const stream = this.#streams.get(task);
    if (!stream || count >= stream.entries.length) return this.loseAll();
    stream.entries.splice(stream.entries.length - count);
    stream.lastId = stream.entries.at(-1)!.id;
    stream.seen.clear();
  }

  /** Resolves when nobody has asked for anything for a while. */
  async quiet(): Promise<void> {
    for (let before = -1; before !== this.#turns;) {
      before = this.#turns;
      for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  tick(): number {
    this.#turns++;
    return (this.#nowUs += this.tickUs);
  }

  read({ task }: TaskRef, from: number): Kept | undefined {
    const kept = this.kept({ organisation: '', task });
    return kept && { ...kept, entries: kept.entries.filter(({ id }) => id >= from) };
  }

  open({ task }: TaskRef, wrapped: Buffer, lastId: number | undefined): Omit<Kept, 'entries'> {
    const stands = this.#streams.get(task) ?? {
      wrapped,
      lastId: lastId ?? this.#nowUs,
      fence: 0,
      over: false,
      entries: [],
      seen: new Map<string, number>(),
    };
    this.#streams.set(task, stands);
    return { wrapped: stands.wrapped, lastId: stands.lastId };
  }

  append({ task }: TaskRef, fence: number, lastId: number, entries: readonly NewEntry[]): Appended {
    const stream = this.#streams.get(task);
    if (!stream) return { what: 'gone', count: 0 };
    if (stream.over) return { what: 'ended', count: 0 };
    if (fence < stream.fence) return { what: 'fenced', count: 0 };
    stream.fence = fence;
    if (stream.lastId !== lastId) return { what: 'behind', count: 0 };
    let count = 0;
    for (const { id, sealed, once, over } of entries) {
      const seen = once && stream.seen.get(once.field);
      if (seen !== undefined && (once?.number ?? 0) <= seen) return { what: 'repeated', count };
      if (once) stream.seen.set(once.field, once.number ?? 0);
      if (id <= stream.lastId) throw new Error(`an id of ${id} behind ${stream.lastId}`);
      stream.entries.push({ id, sealed });
      stream.lastId = id;
      stream.over = over;
      count++;
    }
    if (count > 0) for (const log of this.#logs) setImmediate(() => log.rung(task, stream.lastId));
    return { what: 'ok', count };
  }
}

/** One orchestrator's connection to them, which a test cuts. */
export class FakeStreamLog implements StreamLog {
  readonly #streams: FakeStreams;
  readonly #heard = new Set<string>();
  #on: Parameters<StreamLog['listen']>[0] = { heard: () => undefined, ready: () => undefined };
  isReady = true;
  /** Commands are done, and their answers come too late; bells wait. */
  isSilent = false;
  #late: [task: string, id: number][] = [];

  constructor(streams: FakeStreams) {
    this.#streams = streams;
  }

  cut(): void {
    this.isReady = false;
  }

  heal(): void {
    this.isSilent = false;
    if (this.isReady) for (const [task, id] of this.#late.splice(0)) this.#on.heard(task, id);
    else this.#comeBack();
  }

  #comeBack(): void {
    this.#late = [];
    this.isReady = true;
    this.#on.ready();
  }

  rung(task: string, id: number): void {
    if (!this.isReady || !this.#heard.has(task)) return;
    if (this.isSilent) this.#late.push([task, id]);
    else this.#on.heard(task, id);
  }

  async read(of: TaskRef, from: number) {
    return this.#run((nowUs) => ({ kept: this.#streams.read(of, from), nowUs }));
  }

  async open(of: TaskRef, wrapped: Buffer, lastId: number | undefined) {
    return this.#run(() => this.#streams.open(of, wrapped, lastId));
  }

  async append(of: TaskRef, fence: number, lastId: number, entries: readonly NewEntry[]) {
    return this.#run(() => this.#streams.append(of, fence, lastId, entries));
  }

  async ring(): Promise<void> {
    await this.#run(() => undefined);
  }

  async hear(of: TaskRef): Promise<void> {
    this.#heard.add(of.task);
    await this.#run(() => undefined);
  }

  hush(of: TaskRef): void {
    this.#heard.delete(of.task);
  }

  listen(on: Parameters<StreamLog['listen']>[0]): void {
    this.#on = on;
  }

  close(): void {
    this.isReady = false;
  }

  async #run<T>(command: (nowUs: number) => T): Promise<T> {
    const nowUs = this.#streams.tick();
    await new Promise((resolve) => setImmediate(resolve));
    if (!this.isReady) throw new CodedError('redis_unavailable');
    const answer = command(nowUs);
    await new Promise((resolve) => setImmediate(resolve));
    if (!this.isReady || this.isSilent) throw new CodedError('redis_unavailable');
    return answer;
  }
}
