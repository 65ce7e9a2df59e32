import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

const NAMES = ['permit', 'sent', 'settle', 'fence', 'mark', 'withdraw', 'window'] as const;
export type ScriptName = (typeof NAMES)[number];

interface Script {
  readonly text: string;
  readonly sha: string;
}

/** Redis' own TIME; a test of borders gives another text in its place. */
export const REDIS_CLOCK = read('clock');

/** The limiter's Lua scripts, each with the shared books before it. */
export class Scripts {
  readonly #scripts: ReadonlyMap<ScriptName, Script>;

  constructor(clock: string = REDIS_CLOCK) {
    const shared = `${clock}\n${read('log')}`;
    this.#scripts = new Map(NAMES.map((name) => [name, script(`${shared}\n${read(name)}`)]));
  }

  /** Runs a script by its hash, and sends its text only where Redis does not have it. */
  async run(
    redis: Redis,
    name: ScriptName,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    const { sha, text } = this.#scripts.get(name) as Script;
    try {
      return await redis.evalsha(sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return await redis.eval(text, keys.length, ...keys, ...args);
    }
  }
}

function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

function read(name: string): string {
  return readFileSync(new URL(`./${name}.lua`, import.meta.url), 'utf8');
}
