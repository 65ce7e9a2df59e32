import type { ChainableCommander, Redis } from 'ioredis';
import type { ModelAnswer, ModelRequest } from '#limits/log-model.ts';
import { ENTRY_MS, SEND_WITHIN_MS } from '#limits/window.ts';
import { Scripts, type ScriptName } from '../../../orchestrator/limiter/scripts.ts';
import { CLOCK } from './turned-clock.ts';

/** The scripts under a clock that the test turns; nothing else of them is changed. */
const scripts = new Scripts(CLOCK);
const KEEP_MS = 86_400_000;

const NAMES: readonly ScriptName[] = [
  'permit',
  'extend',
  'sent',
  'settle',
  'fence',
  'forget',
  'withdraw',
  'close',
  'standing',
];

/** The scripts behind the same questions as the model's. A history is sent in one go, and its answers are read afterwards. */
export class History {
  readonly #commands: ChainableCommander;
  readonly #readers: (((reply: unknown) => void) | undefined)[] = [];

  constructor(redis: Redis) {
    this.#commands = redis.pipeline();
    this.#send((commands) => commands.flushall());
    this.#send((commands) => commands.set('{o}:marker', 0));
  }

  static async load(redis: Redis): Promise<void> {
    for (const name of NAMES) await redis.script('LOAD', scripts.of(name).text);
  }

  at = (now: number): void => this.#send((commands) => commands.set('test:clock', now));

  fence(task: string, fence: number, epoch: number, read: (newest: number) => void): void {
    this.#run('fence', [`{o}:fence:${task}`], [fence, KEEP_MS, task, epoch, 'room'], (reply) =>
      read(Number(reply)),
    );
  }

  forget = (task: string): void => this.#run('forget', [`{o}:fence:${task}`], [task, 'room']);

  close(level: string, ms: number, read: (forMs: number) => void): void {
    this.#run('close', [base(level)], [ms, 'room'], (reply) => read(Number(reply)));
  }

  permit(request: ModelRequest, read: (answer: ModelAnswer) => void): void {
    const { call, task, levels, line } = request;
    const keys = ['{o}:marker', `{o}:fence:${task}`, `{o}:call:${call}`, base(line)];
    const asked = [call, request.fence, request.tokens, request.requests, request.leaseMs, request.leftMs];
    this.#run(
      'permit',
      [...keys, ...levels.map(({ id }) => base(id))],
      [
        ...asked,
        SEND_WITHIN_MS,
        ENTRY_MS,
        KEEP_MS,
        'room',
        request.weight,
        request.callsAtOnce ?? '',
        request.isPaused ? 1 : '',
        KEEP_MS,
        request.underWayMs,
        ...levels.flatMap((level) => [
          level.kind,
          level.requestsPerMinute ?? '',
          level.tokensPerMinute ?? '',
        ]),
      ],
      (reply) => read(readPermit(reply)),
    );
  }

  extend(call: string, read: (sendWithinMs: number) => void): void {
    const keys = ['{o}:marker', `{o}:call:${call}`];
    this.#run('extend', keys, [SEND_WITHIN_MS, ENTRY_MS], (reply) => read((reply as number[])[0] ?? -1));
  }

  sent(call: string, agoMs: number, read: (overrun: number) => void): void {
    const args = [agoMs, SEND_WITHIN_MS, ENTRY_MS, 'room'];
    this.#run('sent', [`{o}:call:${call}`], args, (reply) => read(overrunOf(reply)));
  }

  settle(
    call: string,
    took: { tokens?: number | undefined; requests?: number | undefined },
    read: (overrun: number) => void,
  ): void {
    const args = [took.tokens ?? '', took.requests ?? '', SEND_WITHIN_MS, ENTRY_MS, KEEP_MS, 'room'];
    this.#run('settle', [`{o}:call:${call}`], args, (reply) => read(overrunOf(reply)));
  }

  withdraw = (call: string, line: string): void => this.#run('withdraw', [base(line)], [call, 'room']);

  /** Calls under way and waiting, and for each level requests, tokens and the Claws that stand there. */
  standing(line: string, levels: ModelRequest['levels'], read: (numbers: number[]) => void): void {
    const args = levels.flatMap(({ kind }) => [kind, '', '']);
    this.#run(
      'standing',
      [base(line), ...levels.map(({ id }) => base(id))],
      [KEEP_MS, '', ...args],
      (reply) => {
        const [[inFlight, waiting], rows] = reply as [[number, number], number[][]];
        read([
          inFlight,
          waiting,
          ...rows.flatMap(([requests, tokens, , , claws]) => [requests!, tokens!, claws!]),
        ]);
      },
    );
  }

  /** Sends it all, then compares one answer after the other. */
  async compare(): Promise<void> {
    const replies = (await this.#commands.exec()) ?? [];
    for (const [index, [error, reply]] of replies.entries()) {
      if (error) throw error;
      this.#readers[index]?.(reply);
    }
  }

  #send(add: (commands: ChainableCommander) => unknown, read?: (reply: unknown) => void): void {
    add(this.#commands);
    this.#readers.push(read);
  }

  #run(name: ScriptName, keys: string[], args: (string | number)[], read?: (reply: unknown) => void): void {
    this.#send((commands) => commands.evalsha(scripts.of(name).sha, keys.length, ...keys, ...args), read);
  }
}

const base = (id: string): string => `{o}:${id}`;
const overrunOf = (reply: unknown): number => (reply as [string, number | undefined])[1] ?? 0;

function readPermit(reply: unknown): ModelAnswer {
  const [kind, facts, states] = reply as [ModelAnswer['kind'], number[], number[]];
  const [first = 0, limit, retryAfterMs = 0, place = 0] = facts;
  const counts = Array.from(
    { length: states.length / 4 },
    (_, nth) => states.slice(4 * nth, 4 * nth + 4) as [number, number, number, number],
  );
  if (kind === 'granted') return { kind, sendWithinMs: first, states: counts };
  if (kind === 'wait') return { kind, level: first, limit: limit as never, retryAfterMs, place };
  if (kind === 'never') return { kind, level: first, limit: limit as never, states: counts };
  return { kind };
}
