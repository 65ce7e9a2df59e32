import { CodedError } from '#errors/coded-error.ts';
import { troubleOf } from '../redis/trouble.ts';
import type { LimiterConnection } from './connection.ts';
import type { ScriptName, Scripts } from './scripts.ts';

interface RunnerParts {
  readonly connection: LimiterConnection;
  readonly scripts: Scripts;
  readonly onError: (error: Error) => void;
}

/** Runs the limiter's scripts on its connection. */
export class Runner {
  readonly #parts: RunnerParts;

  constructor(parts: RunnerParts) {
    this.#parts = parts;
  }

  /** Error: `limiter_unavailable`, whatever kept Redis from answering. */
  async run(
    script: ScriptName,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    const { connection, scripts, onError } = this.#parts;
    const redis = connection.use();
    try {
      return await scripts.run(redis, script, keys, args);
    } catch (error) {
      onError(error as Error);
      throw unavailable(error);
    }
  }
}

/** The code for whatever kept Redis from answering, with what is the matter where it said so. */
export function unavailable(cause: unknown): CodedError {
  if (cause instanceof CodedError) return cause;
  const reason = troubleOf(cause);
  return new CodedError('limiter_unavailable', reason === undefined ? undefined : { reason }, { cause });
}
