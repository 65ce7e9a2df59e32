import type { CodedError } from '#errors/coded-error.ts';
import { afterStart, FIRST_INTAKE, MOST_AT_ONCE, slowFromMs, type IntakeState } from './intake.ts';
import { freeDisk, machineMemory, type Memory } from './measure.ts';
import { isShort, memoryWanted } from './threshold.ts';

export interface Parts {
  readonly home: string;
  /** Where the engine keeps images and cages, where that lies on this machine; then its memory is this machine's too. */
  readonly engineRoot: () => Promise<string | undefined>;
  /** Rejects while it does not. */
  readonly engineAnswers: () => Promise<unknown>;
  readonly least: { readonly diskBytes: number; readonly memoryBytes: number };
  /** Somebody was refused, and now there may be room. */
  readonly onRoom: () => void;
  readonly disk?: (path: string) => Promise<number | undefined>;
  readonly memory?: () => Promise<Memory | undefined>;
}

/** What the launcher asks before it starts anything. */
export interface Room {
  /** Why nothing may begin now, also in a cage that is up already; undefined where there is room. */
  shortage(): Promise<string | undefined>;
  /** For the start of a cage: to be called when it is up, or was given up; or why none may start now. */
  enter(memoryBytes: number): Promise<(() => void) | string>;
  /** Runs the engine's part of a start, whose time tells whether the engine keeps up. */
  timed<T>(start: () => Promise<T>): Promise<T>;
  /** A start failed: where the engine does not answer, no cage may start until it does again. */
  failed(error: CodedError): void;
}

export interface RoomReading {
  readonly disks: readonly { readonly path: string; readonly freeBytes: number }[];
  /** Undefined where the engine is not on this machine. */
  readonly memory: Memory | undefined;
}

/** Several tasks may ask at once, and none of the figures changes much within that time. */
const READ_EVERY_MS = 1000;

const AWAY: readonly string[] = ['runtime_unavailable'];
/** How long an engine that does not answer is left alone before it is asked again. */
const FIRST_ASK_MS = 250;
const LAST_ASK_MS = 5000;

/** Free disk and memory of this machine, and how many starts the engine takes at once. Times are monotonic. */
export class MachineRoom implements Room {
  readonly #parts: Parts;
  /** Starts in hand: when the engine was asked, where it was, and the limit at that time. */
  readonly #engineBusy = new Set<{ readonly sinceMs: number; readonly limitThen: number }>();
  #starting = 0;
  #startingBytes = 0;
  #intake: IntakeState = FIRST_INTAKE;
  #shortDisks = new Set<string>();
  #shortMemory = false;
  #refused = false;
  #engineRoot: string | undefined;
  #asking = false;
  #engineAway = false;
  #asker: NodeJS.Timeout | undefined;
  #read: { readonly atMs: number; readonly reading: Promise<RoomReading> } | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Asks the engine where its data lies, until it has said so. No reading waits for it: an engine may take long to answer. */
  async findEngine(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    this.#engineRoot = await this.#parts.engineRoot().catch(() => undefined);
    this.#asking = false;
  }

  /** What there is now, or was a moment ago. */
  reading(): Promise<RoomReading> {
    const now = performance.now();
    if (!this.#read || now - this.#read.atMs > READ_EVERY_MS)
      this.#read = { atMs: now, reading: this.#measure() };
    return this.#read.reading;
  }

  /** Cages that may be started at once now; `most` where the engine keeps up. */
  get intake(): { readonly limit: number; readonly most: number } {
    this.#noticeOverdue();
    return { limit: this.#intake.limit, most: MOST_AT_ONCE };
  }

  async shortage(): Promise<string | undefined> {
    const { disks } = await this.reading();
    const short = disks.filter(({ path, freeBytes }) =>
      isShort(this.#shortDisks.has(path), freeBytes, this.#parts.least.diskBytes),
    );
    this.#shortDisks = new Set(short.map(({ path }) => path));
    return short[0] && `disk space on ${short[0].path}`;
  }

  /** Why a cage with that limit finds no memory; without one, whether any would. */
  async memoryShortage(limitBytes = 0): Promise<string | undefined> {
    const { memory } = await this.reading();
    const leastBytes = this.#parts.least.memoryBytes;
    if (!memory || leastBytes <= 0) return undefined;
    const wanted = memoryWanted(limitBytes, memory.totalBytes);
    this.#shortMemory = isShort(
      this.#shortMemory,
      memory.availableBytes - this.#startingBytes - wanted,
      leastBytes,
    );
    return this.#shortMemory ? 'memory of this machine' : undefined;
  }

  async enter(memoryBytes: number): Promise<(() => void) | string> {
    const short = (await this.shortage()) ?? (await this.memoryShortage(memoryBytes)) ?? this.#engineShort();
    if (short !== undefined) {
      this.#refused = true;
      return short;
    }
    return this.#begin(memoryBytes);
  }

  async timed<T>(start: () => Promise<T>): Promise<T> {
    const began = { sinceMs: performance.now(), limitThen: this.#intake.limit };
    this.#engineBusy.add(began);
    try {
      const done = await start();
      this.#observe(began);
      return done;
    } catch (error) {
      // What fails at once says nothing about how fast the engine is.
      if (performance.now() - began.sinceMs >= slowFromMs(this.#intake)) this.#observe(began);
      throw error;
    } finally {
      this.#engineBusy.delete(began);
    }
  }

  failed({ code }: CodedError): void {
    if (!AWAY.includes(code) || this.#engineAway) return;
    this.#engineAway = true;
    this.#askSoon(FIRST_ASK_MS);
  }

  close(): void {
    clearTimeout(this.#asker);
    this.#asker = undefined;
  }

  #askSoon(ms: number): void {
    this.#asker = setTimeout(() => {
      const asked = this.#asker;
      this.#parts.engineAnswers().then(
        () => {
          this.#engineAway = false;
          if (this.#asker === asked) this.#parts.onRoom();
        },
        () => {
          if (this.#asker === asked) this.#askSoon(Math.min(LAST_ASK_MS, ms * 2));
        },
      );
    }, ms).unref();
  }

  #engineShort(): string | undefined {
    if (this.#engineAway) return 'the container engine does not answer';
    const { limit, most } = this.intake;
    return limit < most && this.#starting >= limit ? 'the engine is slow' : undefined;
  }

  #begin(memoryBytes: number): () => void {
    this.#starting++;
    this.#startingBytes += memoryBytes;
    let begun = true;
    return () => {
      if (!begun) return;
      begun = false;
      this.#starting--;
      this.#startingBytes -= memoryBytes;
      if (!this.#refused) return;
      this.#refused = false;
      this.#parts.onRoom();
    };
  }

  #observe({ sinceMs, limitThen }: { sinceMs: number; limitThen: number }): void {
    this.#intake = afterStart(this.#intake, { ms: performance.now() - sinceMs, limitThen });
  }

  /** A start that hangs is slow before it has ended. */
  #noticeOverdue(): void {
    const now = performance.now();
    for (const start of this.#engineBusy)
      if (now - start.sinceMs >= slowFromMs(this.#intake)) this.#observe(start);
  }

  async #measure(): Promise<RoomReading> {
    const { home, disk = freeDisk, memory = machineMemory } = this.#parts;
    const root = this.#engineRoot;
    if (root === undefined) void this.findEngine();
    const disks = [];
    for (const path of root === undefined ? [home] : [home, root]) {
      const freeBytes = await disk(path);
      if (freeBytes !== undefined) disks.push({ path, freeBytes });
    }
    return { disks, memory: root === undefined ? undefined : await memory() };
  }
}
