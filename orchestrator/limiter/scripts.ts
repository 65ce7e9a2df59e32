import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

/** Each script with the shared parts that stand before it. */
const PARTS = {
  permit: ['steady', 'log', 'line', 'closed', 'turns'],
  extend: ['steady', 'log'],
  sent: ['steady', 'log', 'line'],
  settle: ['log', 'line'],
  fence: ['line'],
  forget: ['line'],
  mark: [],
  time: [],
  withdraw: ['line'],
  window: ['log', 'line'],
  close: ['line', 'closed'],
  standing: ['log', 'line', 'closed', 'turns'],
} as const;
export type ScriptName = keyof typeof PARTS;

export interface Script {
  readonly text: string;
  readonly sha: string;
}

/** Redis' own TIME; a test of borders gives another text in its place. */
export const REDIS_CLOCK = read('clock');

/** The limiter's Lua scripts. */
export class Scripts {
  readonly #scripts: ReadonlyMap<ScriptName, Script>;

  constructor(clock: string = REDIS_CLOCK) {
    const names = Object.keys(PARTS) as ScriptName[];
    this.#scripts = new Map(
      names.map((name) => [name, script([clock, ...PARTS[name].map(read), read(name)].join('\n'))]),
    );
  }

  /** What to run where somebody else sends it, such as in a pipeline. */
  of = (name: ScriptName): Script => this.#scripts.get(name) as Script;

  /** Runs a script by its hash, and sends its text only where Redis does not have it. */
  async run(
    redis: Redis,
    name: ScriptName,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    const { sha, text } = this.of(name);
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
