import { toCodedError } from '#errors/coded-error.ts';
import type { DoctorCheck, DoctorReply } from '#protocol/api.ts';

/** One thing that has to be right. `run` throws with the reason where it is not, and may say in a few words what it found. */
export interface Examination {
  readonly name: string;
  readonly remedy: string;
  readonly limitMs?: number;
  run(organisation: string, signal: AbortSignal): Promise<string | undefined>;
}

const LIMIT_MS = 5000;
/** The name of the one that is left out by `cage=false`. */
const CAGE = 'cage';

/** Examines the parts of an installation at once, each within its time; one examination of all at a time. */
export class Doctor {
  readonly #examinations: readonly Examination[];
  #current:
    | { readonly cage: boolean; readonly organisation: string; readonly reply: Promise<DoctorReply> }
    | undefined;

  constructor(examinations: readonly Examination[]) {
    this.#examinations = examinations;
  }

  /** Who asks while an examination of the same kind goes on gets its outcome: a cage is not opened for each. */
  async examine(organisation: string, { cage }: { cage: boolean }): Promise<DoctorReply> {
    const current = this.#current;
    if (current?.cage === cage && current.organisation === organisation) return current.reply;
    const reply = this.#examineAll(organisation, cage);
    const mine = { cage, organisation, reply };
    this.#current = mine;
    return reply.finally(() => {
      if (this.#current === mine) this.#current = undefined;
    });
  }

  async #examineAll(organisation: string, cage: boolean): Promise<DoctorReply> {
    const wanted = this.#examinations.filter(({ name }) => cage || name !== CAGE);
    const checks = await Promise.all(wanted.map((one) => examineOne(one, organisation)));
    return { ok: checks.every(({ ok }) => ok), checks };
  }
}

async function examineOne(examination: Examination, organisation: string): Promise<DoctorCheck> {
  const { name, remedy, limitMs = LIMIT_MS } = examination;
  const began = performance.now();
  const ms = (): number => Math.round(performance.now() - began);
  const signal = AbortSignal.timeout(limitMs);
  const late = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => late.reject(new Error(`no answer within ${limitMs / 1000} s`)), {
    once: true,
  });
  try {
    const found = await Promise.race([examination.run(organisation, signal), late.promise]);
    return { name, ok: true, ...(found !== undefined && { found }), ms: ms() };
  } catch (error) {
    return { name, ok: false, reason: reasonOf(error), remedy, ms: ms() };
  } finally {
    late.promise.catch(() => undefined);
  }
}

function reasonOf(error: unknown): string {
  const { code, message, details } = toCodedError(error);
  if (code === 'internal') return error instanceof Error ? error.message : code;
  const more = details?.failed ?? details?.reason;
  return more === undefined
    ? message
    : `${message} (${Array.isArray(more) ? more.join(', ') : String(more)})`;
}
