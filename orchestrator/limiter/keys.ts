import { CodedError } from '#errors/coded-error.ts';
import type { CallRef, LevelName } from './permit-request.ts';

/**
 * Names of the limiter's keys. The organisation stands in braces, the hash tag of Redis Cluster: all keys of an
 * organisation lie in one slot, so one script can reach them, those that it names itself with them.
 */
export class Keys {
  readonly #prefix: string;
  readonly channel: string;
  /** The name that the books give themselves lies here. */
  readonly books: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.channel = `${prefix}:room`;
    this.books = `${prefix}:books`;
  }

  marker = (organisation: string): string => `${this.#of(organisation)}:marker`;

  fence = (organisation: string, task: string): string =>
    `${this.#of(organisation)}:fence:${name('task', task)}`;

  call = (ref: CallRef): string => `${this.#of(ref.organisation)}:call:${refName(ref)}`;

  /** The base of all keys of a level; those of a Claw's line lie under that of its own level. */
  level = (organisation: string, level: LevelName, id: string): string =>
    `${this.#of(organisation)}:${level}:${name(level, id)}`;

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
