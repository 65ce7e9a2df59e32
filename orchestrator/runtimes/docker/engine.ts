import Docker from 'dockerode';
import { withDeadline } from '../deadline.ts';
import { complete } from './engine-address.ts';
import { toRuntimeError } from './errors.ts';

export interface EngineTimeouts {
  /** Questions: inspect, list, info. */
  readonly askMs: number;
  /** Whatever changes something: create, start, remove. */
  readonly actMs: number;
}

export const ENGINE_TIMEOUTS: EngineTimeouts = { askMs: 10_000, actMs: 30_000 };

/** The SDK with a deadline on each call and coded errors only. */
export class Engine {
  readonly docker: Docker;
  readonly timeouts: EngineTimeouts;

  constructor(options: Docker.DockerOptions = {}, timeouts: Partial<EngineTimeouts> = {}) {
    this.docker = new Docker(complete(options));
    this.timeouts = { ...ENGINE_TIMEOUTS, ...timeouts };
  }

  ask<T>(
    what: string,
    signal: AbortSignal | undefined,
    run: (docker: Docker, abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return this.#call(what, this.timeouts.askMs, signal, run);
  }

  act<T>(
    what: string,
    signal: AbortSignal | undefined,
    run: (docker: Docker, abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return this.#call(what, this.timeouts.actMs, signal, run);
  }

  async #call<T>(
    what: string,
    ms: number,
    signal: AbortSignal | undefined,
    run: (docker: Docker, abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    try {
      return await withDeadline(what, ms, signal, (limit) => run(this.docker, limit));
    } catch (error) {
      throw toRuntimeError(error, { what });
    }
  }
}

/** `undefined` in place of the error where the engine answers with one of `statuses`. */
export function unless(...statuses: number[]): (error: unknown) => undefined {
  return (error) => {
    if (statuses.includes((error as { statusCode?: number }).statusCode ?? 0)) return undefined;
    throw error;
  };
}
