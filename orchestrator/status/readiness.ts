import { toCodedError } from '#errors/coded-error.ts';
import type { ReadyReply } from '#protocol/api.ts';

export type Probe = (signal: AbortSignal) => Promise<void>;

const PROBE_MS = 2000;

/** Asks every part at once; a part that does not answer in two seconds is not ready, and says why. */
export class Readiness {
  readonly #probes: Readonly<Record<string, Probe>>;

  constructor(probes: Readonly<Record<string, Probe>>) {
    this.#probes = probes;
  }

  async check(): Promise<ReadyReply> {
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
    await Promise.race([probe(signal), late]);
    return { ok: true };
  } catch (error) {
    const coded = toCodedError(error);
    return { ok: false, reason: coded.code === 'internal' ? (error as Error).message : coded.message };
  }
}
