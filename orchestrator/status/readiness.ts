import { toCodedError, type CodedError } from '#errors/coded-error.ts';
import type { ReadyReply } from '#protocol/api.ts';

/** Throws where its part is not ready; words that it gives back say what is amiss with one that is. */
export type Probe = (signal: AbortSignal) => Promise<string | undefined | void>;

const PROBE_MS = 2000;

/**
 * Whether calls are permitted. Without Redis it is not ready, with the reason. Closed after a loss of Redis or a step of its clock it is ready, and says for how long: tasks are accepted and
 * begin, and their calls wait; to take the orchestrator out of service would help nobody, as the others are closed as well.
 */
export const limiterProbe =
  (limiter: { ping(): Promise<void>; readonly closedReason: string | undefined }): Probe =>
  async () => {
    await limiter.ping();
    return limiter.closedReason;
  };

/**
 * Asks every part at once; a part that does not answer in two seconds is not ready, and says why. A part that is ready with a reason works, but not as it should: tasks are accepted, and some
 * of them wait.
 */
export class Readiness {
  readonly #probes: Readonly<Record<string, Probe>>;
  #leaving = false;

  constructor(probes: Readonly<Record<string, Probe>>) {
    this.#probes = probes;
  }

  /** It hands over: from now on nothing new is for it. */
  leave(): void {
    this.#leaving = true;
  }

  async check(): Promise<ReadyReply> {
    if (this.#leaving) return { ready: false, parts: { service: { ok: false, reason: 'it hands over' } } };
    const answers = await Promise.all(
      Object.entries(this.#probes).map(async ([part, probe]) => [part, await ask(probe)] as const),
    );
    const parts = Object.fromEntries(answers);
    return { ready: answers.every(([, { ok }]) => ok), parts };
  }
}

async function ask(probe: Probe): Promise<{ ok: boolean; reason?: string }> {
  const signal = AbortSignal.timeout(PROBE_MS);
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('no answer in time')), { once: true });
  });
  try {
    const words = await Promise.race([probe(signal), late]);
    return { ok: true, ...(typeof words === 'string' && { reason: words }) };
  } catch (error) {
    const coded = toCodedError(error);
    return { ok: false, reason: wordsOf(coded, error) };
  }
}

function wordsOf({ code, message, details }: CodedError, error: unknown): string {
  if (code === 'internal') return (error as Error).message;
  return typeof details?.reason === 'string' ? `${message} (${details.reason})` : message;
}
