import type { ServerMessage, TaskEvent } from '#protocol/live.ts';
import { SealedRing } from './sealed-ring.ts';

type Listener = (message: ServerMessage) => void;

interface Channel {
  readonly ring: SealedRing;
  readonly listeners: Set<Listener>;
  lastId: number;
  endedAtMs: number | undefined;
}

/**
 * Live events of tasks. Ids grow within a task; a subscriber resumes behind the last id that it saw and is told by `gap` where that is
 * no longer kept. After a restart of the service ids go on above all earlier ones, since each start has a later base.
 */
export class EventHub {
  readonly #channels = new Map<string, Channel>();
  readonly #options: { readonly ringBytes: number; readonly keepEndedMs: number };
  readonly #base: number;

  constructor(options: { ringBytes?: number; keepEndedMs?: number; nowMs?: number } = {}) {
    this.#options = {
      ringBytes: options.ringBytes ?? 2 * 1024 * 1024,
      keepEndedMs: options.keepEndedMs ?? 60_000,
    };
    // Milliseconds, shifted: far below 2^53, and no task has a thousand events in every millisecond of a service's life.
    this.#base = (options.nowMs ?? Date.now()) * 1000;
  }

  publish(task: string, event: TaskEvent): void {
    const channel = this.#channel(task);
    const id = ++channel.lastId;
    const message: ServerMessage = { type: 'event', task, id, event };
    channel.ring.add(id, JSON.stringify(message));
    for (const listener of channel.listeners) listener(message);
    if (event.kind === 'ended') channel.endedAtMs = Date.now();
  }

  /** Calls `listener` with what is kept behind `after`, then with what comes; returns the end of the subscription. */
  subscribe(task: string, after: number | undefined, listener: Listener): () => void {
    const channel = this.#channel(task);
    const first = channel.ring.firstId;
    if (after !== undefined && after > 0 && first !== undefined && first > after + 1)
      listener({ type: 'gap', task, from: first });
    for (const kept of channel.ring.after(after ?? 0)) listener(JSON.parse(kept) as ServerMessage);
    channel.listeners.add(listener);
    return () => {
      channel.listeners.delete(listener);
      this.#dropIfIdle(task, channel);
    };
  }

  /** Whether this process has events of the task, or only its row tells of it. */
  knows(task: string): boolean {
    return (this.#channels.get(task)?.ring.firstId ?? undefined) !== undefined;
  }

  /** Forgets tasks that ended long enough ago. */
  sweep(nowMs: number): void {
    for (const [task, channel] of this.#channels) {
      if (channel.endedAtMs === undefined || nowMs - channel.endedAtMs < this.#options.keepEndedMs) continue;
      channel.ring.destroy();
      this.#channels.delete(task);
    }
  }

  close(): void {
    for (const channel of this.#channels.values()) channel.ring.destroy();
    this.#channels.clear();
  }

  #channel(task: string): Channel {
    const known = this.#channels.get(task);
    if (known) return known;
    const made: Channel = {
      ring: new SealedRing(this.#options.ringBytes),
      listeners: new Set(),
      lastId: this.#base,
      endedAtMs: undefined,
    };
    this.#channels.set(task, made);
    return made;
  }

  #dropIfIdle(task: string, channel: Channel): void {
    if (channel.listeners.size > 0 || channel.ring.firstId !== undefined) return;
    this.#channels.delete(task);
  }
}
