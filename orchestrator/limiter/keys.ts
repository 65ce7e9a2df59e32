import { CodedError } from '#errors/coded-error.ts';
import type { CallRef, Level } from './permit-request.ts';

/**
 * Names of the limiter's keys. The organisation stands in braces, the hash tag of Redis Cluster: all keys of an
 * organisation lie in one slot, so one script can reach them.
 */
export class Keys {
  readonly #prefix: string;
  readonly channel: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.channel = `${prefix}:room`;
  }

  marker = (organisation: string): string => `${this.#of(organisation)}:marker`;

  fence = (organisation: string, task: string): string =>
    `${this.#of(organisation)}:fence:${name('task', task)}`;

  call = (ref: CallRef): string => `${this.#of(ref.organisation)}:call:${refName(ref)}`;

  /** Queue, leases and tickets of a Claw's waiting calls. */
  line(organisation: string, claw: string): [queue: string, leases: string, tickets: string] {
    const base = `${this.#of(organisation)}:claw:${name('claw', claw)}`;
    return [`${base}:queue`, `${base}:leases`, `${base}:tickets`];
  }

  /** Log and sum of a level. */
  books(organisation: string, level: Level['level'], id: string): [log: string, sum: string] {
    const base = `${this.#of(organisation)}:${level}:${name(level, id)}`;
    return [`${base}:log`, `${base}:sum`];
  }

  #of(organisation: string): string {
    return `${this.#prefix}:{${name('organisation', organisation)}}`;
  }
}

/** The name under which a call stands in the log and in the queue. */
export function refName(ref: CallRef): string {
  return `${name('task', ref.task)}:${ref.epoch}:${name('callId', ref.callId)}`;
}

/** Only plain names become part of a key: nothing can reach another's keys by its spelling. */
function name(field: string, value: string): string {
  if (!/^[A-Za-z0-9._-]{1,128}$/.test(value)) {
    throw new CodedError('request_invalid', {
      field,
      reason: 'letters, digits, dot, dash and underscore, at most 128',
    });
  }
  return value;
}
