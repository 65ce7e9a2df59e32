import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import type Docker from 'dockerode';
import type { Life } from '../books/facts.ts';

interface EngineEvent {
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly timeNano: number;
}

const CAGE = 'clawcage.cage';
const AGAIN_MS = 200;

/** The lives of an installation's cages by the engine's own events, also across its restarts. */
export class Lives implements AsyncDisposable {
  readonly #docker: Docker;
  readonly #install: string;
  readonly #lives = new Map<
    string,
    { container: string; cage: string; createdMs: number; goneMs?: number }
  >();
  readonly #closing = new AbortController();
  readonly #watching: Promise<void>;

  constructor(docker: Docker, install: string) {
    this.#docker = docker;
    this.#install = install;
    this.#watching = this.#watch();
  }

  all(): Life[] {
    return [...this.#lives.values()].map((life) => ({ ...life }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#watching;
  }

  async #watch(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const lostMs = Date.now();
      try {
        await this.#listen(signal, lostMs);
      } catch {
        // The engine is away; what it did meanwhile is found when it is back.
      }
      await pause(AGAIN_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #listen(signal: AbortSignal, lostMs: number): Promise<void> {
    const filters = { label: [`clawcage.install=${this.#install}`], type: ['container'] };
    const stream = await this.#docker.getEvents({ filters, abortSignal: signal } as object);
    await this.#look(lostMs);
    try {
      for await (const line of createInterface(stream)) this.#take(JSON.parse(line) as EngineEvent);
    } finally {
      (stream as unknown as { destroy(): void }).destroy();
    }
  }

  /** Before events come: what is there, and what vanished unseen. The latter is taken to have gone when the engine did: the engine ends them before it answers again. */
  async #look(lostMs: number): Promise<void> {
    const filters = { label: [`clawcage.install=${this.#install}`, CAGE] };
    const found = await this.#docker.listContainers({ all: true, filters });
    for (const { Id, Labels, Created } of found) this.#born(Id, Labels[CAGE]!, Created * 1000);
    const running = new Set(
      found.filter(({ State }) => State !== 'exited' && State !== 'dead').map(({ Id }) => Id),
    );
    for (const [id, life] of this.#lives) if (!running.has(id)) life.goneMs ??= lostMs;
  }

  #take({ Action, Actor, timeNano }: EngineEvent): void {
    const atMs = timeNano / 1e6;
    const cage = Actor.Attributes[CAGE];
    if (cage === undefined) return;
    if (Action === 'create') this.#born(Actor.ID, cage, atMs);
    const life = this.#lives.get(Actor.ID);
    if (life && (Action === 'die' || Action === 'destroy')) life.goneMs ??= atMs;
  }

  #born(id: string, cage: string, createdMs: number): void {
    if (!this.#lives.has(id)) this.#lives.set(id, { container: id.slice(0, 12), cage, createdMs });
  }
}
