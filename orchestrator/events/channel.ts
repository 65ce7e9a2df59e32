import { CodedError, toCodedError } from '#errors/coded-error.ts';
import type { TaskEvent } from '#protocol/live.ts';
import type { Log } from '../log.ts';
import { Audience, type Listener } from './audience.ts';
import type { EventKeys } from './event-keys.ts';
import { SealedRing } from './sealed-ring.ts';
import { MISSING, type Missing, type Said } from './sealing.ts';
import type { Kept, SealedEntry, StreamLog, TaskRef } from './stream-log.ts';
import { Unwritten, type By } from './unwritten.ts';

export interface ChannelParts {
  /** Absent: events live in this process only. */
  readonly log?: StreamLog | undefined;
  readonly keys?: EventKeys | undefined;
  readonly limitBytes: number;
  /** Behind which ids begin where no stream tells. */
  readonly base: () => number;
  /** Whether the task's row says that it has ended. */
  readonly isOver: (of: TaskRef) => Promise<boolean>;
  readonly say: Pick<Log, 'warn'>;
}

/** Behind its row's end the task's last events get this long to arrive. */
const LAST_EVENTS_MS = 1000;

/**
 * The events of one task as this process knows them: a mirror of the task's stream, and what is to be written to it. One loop talks to Redis, so an event is shown when it is in the
 * stream, and all orchestrators show the same ones under the same ids. While Redis is away they are shown at once, kept, and written later.
 */
export class Channel {
  readonly of: TaskRef;
  readonly #parts: ChannelParts;
  readonly #ring: SealedRing;
  readonly #audience: Audience;
  readonly #unwritten: Unwritten;
  /** The key as it stands beside the stream. */
  #wrapped: Buffer | undefined;
  #nowUs: number | undefined;
  /** The stream may hold more than is known here. */
  #isStale: boolean;
  /** It may hold other entries than those that are known here: Redis lost some, and another wrote. */
  #isDoubted = false;
  #rungId = 0;
  #hears = false;
  #isAway = false;
  /** No stream: there is no Redis, or the task's content is shredded. */
  #isAlone: boolean;
  #isOver = false;
  #isClosed = false;
  #quietSinceMs = performance.now();
  #working: Promise<void> | undefined;

  constructor(of: TaskRef, parts: ChannelParts) {
    this.of = of;
    this.#parts = parts;
    this.#isAlone = parts.log === undefined;
    this.#isStale = !this.#isAlone;
    this.#ring = new SealedRing(of.task, parts.limitBytes);
    this.#audience = new Audience(of.task, this.#ring);
    this.#unwritten = new Unwritten({
      ring: this.#ring,
      audience: this.#audience,
      base: parts.base,
      nowUs: () => this.#nowUs ?? 0,
    });
  }

  /** Resolves when it is in the stream, or kept while Redis is away; rejects with `lease_lost` where a newer writer has the task. */
  publish(event: TaskEvent | Missing, by: By): Promise<void> {
    if (this.#isOver || this.#isClosed) return Promise.resolve();
    const taken = this.#unwritten.add({ at: new Date().toISOString(), event }, by);
    this.#quietSinceMs = performance.now();
    // What is missing takes the present time for its id.
    if (event.kind === 'missing') this.#isStale = !this.#isAlone;
    if (this.#isAlone || this.#isAway || !this.#parts.log?.isReady) this.#showAll();
    if (!this.#isAlone) this.work();
    return taken;
  }

  /** Tells `listener` what is kept behind `after`, `caught_up`, and what comes; `lastWord` where the task's row has ended. Returns the end of it. */
  subscribe(after: number | undefined, lastWord: TaskEvent | undefined, listener: Listener): () => void {
    const end = this.#audience.add(after, lastWord, listener);
    this.#quietSinceMs = performance.now();
    this.#isStale = !this.#isAlone;
    this.work();
    return end;
  }

  get isWatched(): boolean {
    return this.#audience.size > 0;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get quietMs(): number {
    return performance.now() - this.#quietSinceMs;
  }

  /** Whether it can be forgotten without losing anything but what can be read again. */
  isIdle(keepEndedMs: number): boolean {
    if (this.isWatched || this.#working) return false;
    if (this.#ring.firstId === undefined && this.#unwritten.isEmpty) return true;
    if (this.#isOver) return this.quietMs >= keepEndedMs;
    return !this.#isAlone && this.#unwritten.isEmpty && this.quietMs >= keepEndedMs;
  }

  /** Something was written behind `id`. */
  heard(id: number): void {
    this.#rungId = Math.max(this.#rungId, id);
    this.#isStale ||= this.#isDoubted;
    if (this.#isStale || id > (this.#unwritten.lastId ?? 0)) this.work();
  }

  /** Redis is there again: what was missed is read. */
  wake(): void {
    this.#hears = false;
    this.#isStale = !this.#isAlone;
    this.work();
  }

  /** Goes on where Redis gave no answer before. */
  retry(): void {
    if (this.#isAway) this.work();
  }

  /** The row has ended and no event came of it: what the stream still has, then the row's word. */
  async concludeLater(word: TaskEvent): Promise<void> {
    this.#isStale = !this.#isAlone;
    this.work();
    await this.#working;
    if (this.#ring.firstId !== undefined) await soon(LAST_EVENTS_MS);
    this.#audience.conclude(new Date().toISOString(), word);
  }

  /** Reads and writes what there is to, one thing after the other; then whoever came has what is kept. */
  work(): void {
    if (this.#isClosed) return;
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
      // It may have been asked for more between its last look and here.
      if (this.#audience.hasNewcomers || (this.#hasWork() && !this.#isAway)) this.work();
    });
  }

  close(): void {
    this.#isClosed = true;
    if (this.#hears) this.#parts.log?.hush(this.of);
    this.#unwritten.clear();
    this.#ring.destroy();
  }

  #hasWork(): boolean {
    if (this.#isAlone || this.#isClosed) return false;
    return (
      !this.#unwritten.isEmpty ||
      this.#isStale ||
      this.#rungId > (this.#unwritten.savedId ?? 0) ||
      (this.isWatched && !this.#hears)
    );
  }

  async #work(): Promise<void> {
    // Whoever subscribes in the same turn is dealt with together.
    await undefined;
    const { log, say } = this.#parts;
    try {
      while (log && this.#hasWork()) {
        if (!log.isReady) throw new CodedError('redis_unavailable');
        await this.#step(log);
        // Whoever comes to a task that never stops talking does not wait for a pause.
        if (this.#audience.hasNewcomers && this.#hears && !this.#isStale) this.#welcome();
      }
      this.#isAway = false;
    } catch (error) {
      if (this.#isClosed) return;
      const { code } = toCodedError(error);
      if (code.startsWith('vault_')) await this.#beAlone();
      else {
        if (!this.#isAway) say.warn({ task: this.of.task, code }, 'live events wait for Redis');
        this.#isAway = true;
        this.#showAll();
      }
    }
    this.#welcome();
  }

  #welcome(): void {
    if (!this.#isClosed && this.#audience.catchUp(this.#nowUs)) this.#concludeSoon();
  }

  /** One round trip, or two. */
  async #step(log: StreamLog): Promise<void> {
    if (this.isWatched && !this.#hears) {
      await log.hear(this.of);
      this.#hears = true;
      this.#isStale = true;
    } else if (this.#isStale || this.#rungId > (this.#unwritten.savedId ?? 0)) await this.#read(log);
    else if (this.#wrapped === undefined) await this.#make(log);
    else await this.#append(log);
  }

  async #read(log: StreamLog): Promise<void> {
    const { savedId } = this.#unwritten;
    const isWhole = this.#isDoubted || savedId === undefined || this.#ring.firstId === undefined;
    // With the newest that is known, where it may have become another: in a Redis that is back with an older log.
    const from = isWhole ? 0 : this.#isStale ? savedId : savedId + 1;
    this.#isStale = false;
    const rung = this.#rungId;
    const { kept, nowUs } = await log.read(this.of, from).catch((error: unknown) => {
      this.#isStale = true;
      throw error;
    });
    this.#nowUs = nowUs;
    if (this.#isClosed) return;
    if (this.#rungId === rung) this.#rungId = 0;
    if (!kept) {
      // Lost: the next one may have lower ids, so that any bell is heeded.
      this.#isDoubted = this.#wrapped !== undefined;
      if (this.#isDoubted && !this.#unwritten.isEmpty) await this.#makeAgain(log);
      return;
    }
    if (this.#wrapped?.equals(kept.wrapped) !== true) {
      await this.#takeKey(kept.wrapped);
      if (!isWhole) {
        this.#isStale = true;
        return;
      }
    } else if (this.#isDoubted) {
      if (!this.#goBack(kept)) return;
    } else if (this.#isOther(kept)) {
      this.#isDoubted = true;
      this.#isStale = true;
      return;
    }
    this.#isDoubted = false;
    this.#take(kept);
  }

  /** Whether the stream lacks, or has another in the place of, the newest that is known to be in it. */
  #isOther({ lastId, entries }: Pick<Kept, 'lastId' | 'entries'>): boolean {
    const { savedId = 0 } = this.#unwritten;
    return lastId < savedId || entries.some((entry) => entry.id === savedId && !this.#ring.agrees(entry));
  }

  /** What is known stands as far as the whole stream still has it. False where that is all of the stream, and nobody here writes: whoever does fills it again. */
  #goBack({ lastId, entries }: Pick<Kept, 'lastId' | 'entries'>): boolean {
    const unwritten = this.#unwritten;
    const { savedId = 0 } = unwritten;
    const same = entries.findLastIndex((entry) => this.#ring.holds(entry));
    const next = entries[same + 1]?.id;
    if (next === undefined && lastId < savedId) {
      if (unwritten.isEmpty) return false;
      unwritten.putBack(this.#ring.after(lastId).filter(({ id }) => id <= savedId));
      unwritten.savedId = lastId;
    } else unwritten.goBack(entries[same]?.id ?? (next ?? lastId + 1) - 1, next ?? lastId + 1);
    return true;
  }

  /** What is in the stream goes before what is not: that gets its ids behind it. */
  #take({ lastId, entries }: Pick<Kept, 'lastId' | 'entries'>): void {
    let lifted = false;
    const { savedId = 0 } = this.#unwritten;
    for (const entry of entries) {
      if (entry.id <= savedId) {
        this.#refill(entry);
        continue;
      }
      if (!lifted && this.#unwritten.isFirst(entry)) {
        this.#unwritten.written(entry.id, (id, said) => this.#show(id, said));
        continue;
      }
      if (!lifted) this.#unwritten.lift(entry.id);
      lifted = true;
      this.#found(entry);
    }
    if (lastId <= (this.#unwritten.savedId ?? -1)) return;
    this.#goOnBehind(lastId);
  }

  #goOnBehind(lastId: number): void {
    const unwritten = this.#unwritten;
    if (unwritten.collides(lastId)) unwritten.lift(lastId + 1);
    unwritten.savedId = lastId;
    unwritten.lastId = Math.max(unwritten.lastId ?? 0, lastId);
  }

  #found(entry: SealedEntry): void {
    const { id } = entry;
    this.#unwritten.savedId = id;
    this.#unwritten.lastId = id;
    this.#show(id, this.#ring.open(id, this.#keep(entry)));
  }

  /** It was told already, and the ring had no room for it beside what was shown and is taken back. */
  #refill(entry: SealedEntry): void {
    if ((this.#ring.lastId ?? 0) < entry.id) this.#keep(entry);
  }

  /** What nobody of ours wrote is missing. */
  #keep({ id, sealed }: SealedEntry): Buffer {
    const kept = this.#ring.canOpen(id, sealed) ? sealed : MISSING;
    this.#ring.add(id, kept);
    return kept;
  }

  async #takeKey(wrapped: Buffer): Promise<void> {
    const key = await this.#parts.keys!.unwrap(this.of, wrapped);
    this.#unwritten.rekey(key);
    this.#wrapped = wrapped;
  }

  async #make(log: StreamLog): Promise<void> {
    // Nobody comes back for the end alone: the row tells it.
    if (this.#unwritten.holdsOnlyAnEnd) return this.#beAlone();
    const wrapped = await this.#parts.keys!.wrap(this.of, this.#ring.key);
    const stands = await log.open(
      this.of,
      wrapped,
      this.#unwritten.lastId === undefined ? undefined : this.#unwritten.begin,
    );
    if (!stands.wrapped.equals(wrapped)) {
      this.#isStale = true;
      return;
    }
    this.#wrapped = wrapped;
    this.#goOnBehind(stands.lastId);
  }

  /** Redis lost it: what is kept here goes into a new one under the same key and ids. */
  async #makeAgain(log: StreamLog): Promise<void> {
    if (await this.#parts.isOver(this.of)) return this.#beAlone();
    const again = this.#ring.after(0).filter(({ id }) => id <= (this.#unwritten.savedId ?? 0));
    const begin = again[0] ? again[0].id - 1 : this.#unwritten.begin;
    const stands = await log.open(this.of, this.#wrapped!, begin);
    // Another was first, which may have known more, or less.
    if (!stands.wrapped.equals(this.#wrapped!) || (begin !== undefined && stands.lastId !== begin)) {
      this.#isDoubted = true;
      this.#isStale = true;
      return;
    }
    this.#unwritten.putBack(again);
    this.#unwritten.savedId = stands.lastId;
  }

  async #append(log: StreamLog): Promise<void> {
    const unwritten = this.#unwritten;
    const { fence } = unwritten;
    const batch = unwritten.nextBatch();
    const { what, count } = await log.append(this.of, fence, unwritten.savedId!, batch);
    if (this.#isClosed) return;
    for (const { id } of batch.slice(0, count)) unwritten.written(id, (now, said) => this.#show(now, said));
    if (what === 'gone') await this.#makeAgain(log);
    else if (what === 'behind') this.#isStale = true;
    else if (what === 'repeated') unwritten.dropFirst();
    else if (what === 'ended') unwritten.clear();
    else if (what === 'fenced') unwritten.refuse(fence, new CodedError('lease_lost'));
    if (what === 'ended' || what === 'fenced') this.#isStale = true;
  }

  #show(id: number, said: Said): void {
    this.#quietSinceMs = performance.now();
    if (said.event.kind === 'ended') this.#isOver = true;
    this.#audience.tell(id, said);
  }

  #showAll(): void {
    this.#unwritten.showAll((id, said) => this.#show(id, said), this.#parts.limitBytes);
    if (this.#isAlone) this.#unwritten.clear();
  }

  /** Its content is shredded, or there is nothing worth a stream: subscribers here are told, others look at the row. */
  async #beAlone(): Promise<void> {
    this.#isAlone = true;
    this.#isStale = false;
    const over = this.#unwritten.holdsAnEnd;
    this.#showAll();
    if (over) await this.#parts.log?.ring(this.of).catch(() => undefined);
  }

  #concludeSoon(): void {
    const conclude = (): void => this.#audience.conclude(new Date().toISOString());
    // Whoever wrote the end in the row may still be writing the last events.
    if (this.#ring.firstId === undefined) conclude();
    else void soon(LAST_EVENTS_MS).then(conclude);
  }
}

const soon = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());
