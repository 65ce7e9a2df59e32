import { setTimeout as delay } from 'node:timers/promises';
import { CodedError } from '#errors/coded-error.ts';
import type { ErrorCode } from '#errors/table.ts';
import { abortError } from '../deadline.ts';

export type Verb =
  | 'prepare'
  | 'layOver'
  | 'gateAlive'
  | 'create'
  | 'inspect'
  | 'diagnose'
  | 'list'
  | 'destroy'
  | 'leftovers'
  | 'discard'
  | 'teardown';

/** `asked`: nothing is done yet; `made`, `started`: steps of `create`; `done`: all is done, only the answer is lost. */
export type Step = 'asked' | 'made' | 'started' | 'done';

export interface Fault {
  /** Where in the verb it strikes. */
  readonly at: Step;
  readonly delayMs?: number;
  /** Thrown after the delay; a delay alone only slows. */
  readonly code?: ErrorCode;
}

/** What goes wrong next, in the order in which it was planned; each fault strikes one call. */
export class Faults {
  readonly #planned = new Map<Verb, Fault[]>();

  next(verb: Verb, ...faults: Fault[]): void {
    this.#planned.set(verb, [...(this.#planned.get(verb) ?? []), ...faults]);
  }

  /** The call's own fault, or nothing. */
  take(verb: Verb): Fault | undefined {
    return this.#planned.get(verb)?.shift();
  }
}

/** Lets `fault` strike where its step has come. An abort during its delay throws like any abort. */
export async function strike(
  fault: Fault | undefined,
  at: Step,
  what: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (signal?.aborted) throw abortError(signal, what);
  if (fault?.at !== at) return;
  await delay(fault.delayMs ?? 0, undefined, signal ? { signal } : {}).catch(() => {
    throw abortError(signal, what);
  });
  if (fault.code) throw new CodedError(fault.code, { what, fake: true });
}
