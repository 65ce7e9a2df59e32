import { CodedError, toCodedError } from '#errors/coded-error.ts';
import type { Leftover, LeftoversReply } from '#protocol/api.ts';
import type { Runtime } from '#runtime/runtime.ts';
import type { Vault } from '#vault/vault.ts';
import { inParallel } from '../batches/in-parallel.ts';
import type { Log } from '../log.ts';
import type { CageToJudge } from '../store/leftovers-store.ts';
import type { Store } from '../store/store.ts';
import { FirstSeen } from './first-seen.ts';
import { plan, type Candidate } from './reaper-plan.ts';
import { sources, type Places, type Source } from './reaper-sources.ts';

interface Parts extends Omit<Places, 'store' | 'runtime'> {
  readonly store: Store;
  readonly runtime: Pick<Runtime, 'list' | 'leftovers' | 'destroy' | 'discard'>;
  readonly vault: Pick<Vault, 'shred'>;
  readonly cages: {
    /** As CageKeeper.end. */
    end(organisation: string, cageId: string): Promise<unknown>;
    /** Its container ended, or went, although nobody wanted it to. */
    lost(organisation: string, cageId: string, details: { readonly exitCode?: number }): Promise<void>;
  };
  /** Whether cages may be ended and made: false while another may be acting in our place. */
  readonly mayAct: () => boolean;
  readonly graceMs: number;
  readonly log: Log;
  readonly now?: () => number;
}

/** Engine and disk are left to the tasks in between. */
const AT_ONCE = 8;
/** A round goes on to the tasks that wait: it is no place for the many thousands that a long outage may leave. */
const OF_A_ROUND = 500;
/** Of a dry run. */
const TOLD = 500;

interface Dated extends Candidate {
  readonly ageMs: number;
  /** Until it has been seen for its grace. */
  readonly dueInMs: number;
}

/**
 * Takes away what is left over: first everything is looked at (sources), then it is decided (plan, pure), then what was seen so for its grace is removed. Nothing is touched that does not bear
 * this installation's label or id. Its dry run shares what it has seen with its rounds, so that it tells when each thing goes.
 */
export class Reaper {
  readonly #parts: Parts;
  readonly #sources: readonly Source[];
  readonly #seen: FirstSeen;
  readonly #lookedMs = new Map<string, number>();
  readonly #now: () => number;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#sources = sources(parts, parts.graceMs);
    this.#now = parts.now ?? (() => performance.now());
    this.#seen = new FirstSeen(this.#now);
  }

  /** Looks where it is time to look, and removes what is due; each part goes on where another failed. */
  async round(): Promise<void> {
    for (const source of this.#sources) {
      if (!this.#parts.mayAct()) return;
      const lookedMs = this.#lookedMs.get(source.name) ?? -Infinity;
      if (this.#now() - lookedMs < source.everyMs) continue;
      try {
        const due = (await this.#look(source)).filter(({ dueInMs }) => dueInMs <= 0);
        // What is more than a round should take comes in the next ones.
        if (due.length <= OF_A_ROUND) this.#lookedMs.set(source.name, this.#now());
        await inParallel(due.slice(0, OF_A_ROUND), AT_ONCE, (candidate) => this.#act(candidate));
      } catch (error) {
        this.#warn({ part: source.name }, error, 'what is left over there is looked at next time');
      }
    }
  }

  /** A dry run: all that is left over, the next to go first. Nothing is removed for it. */
  async leftovers(): Promise<LeftoversReply> {
    const looks = await Promise.allSettled(this.#sources.map((source) => this.#tell(source)));
    const found = looks.map((look) => (look.status === 'fulfilled' ? look.value : []));
    const unseen = looks.flatMap((look, index) =>
      look.status === 'rejected'
        ? [{ what: this.#sources[index]!.name, code: toCodedError(look.reason).code }]
        : [],
    );
    const all = found.flat().toSorted((a, b) => a.dueInMs - b.dueInMs);
    return { leftovers: all.slice(0, TOLD), more: Math.max(0, all.length - TOLD), unseen };
  }

  async #tell(source: Source): Promise<Leftover[]> {
    const nextLookMs = source.everyMs - (this.#now() - (this.#lookedMs.get(source.name) ?? -Infinity));
    return (await this.#look(source)).map((one) => told(one, nextLookMs));
  }

  async #look(source: Source): Promise<Dated[]> {
    const candidates = plan(await source.look(), this.#parts);
    // With its reason: a cage that was opening, and now is ending, is another matter.
    const keyOf = ({ kind, name, why, onEngine }: Candidate): string =>
      kind === 'idempotency_keys' ? name : `${kind} ${onEngine?.id ?? name} ${why}`;
    const ages = this.#seen.ages(source.name, candidates.map(keyOf));
    return candidates.map((candidate) => {
      const ageMs = ages.get(keyOf(candidate))!;
      return { ...candidate, ageMs, dueInMs: Math.max(0, candidate.graceMs - ageMs) };
    });
  }

  async #act(candidate: Dated): Promise<void> {
    const { kind, name, why, ageMs } = candidate;
    try {
      if (!this.#parts.mayAct()) throw new CodedError('lease_lost');
      if (await this.#remove(candidate))
        this.#parts.log.info({ kind, name, why, ageMs: Math.round(ageMs) }, 'what was left over is gone');
    } catch (error) {
      this.#warn({ kind, name }, error, 'what is left over is removed later');
    }
  }

  /** False where it is needed after all. */
  async #remove({ kind, name, organisation, row, onEngine, lost }: Dated): Promise<boolean> {
    const { store, runtime, vault, home, streams } = this.#parts;
    if (onEngine) return runtime.discard(onEngine);
    if (row) return this.#endCage(row, lost);
    if (kind === 'container') await runtime.destroy(name);
    if (kind === 'result') {
      await vault.shred(name);
      await store.taskFiles.delete(organisation!, name);
      await store.tasks.clearResult(organisation!, name);
    }
    if (kind === 'shredding_key') {
      if ((await store.tasks.holdingContent([name])).has(name)) return false;
      await store.taskFiles.deleteOf([name]);
      await vault.shred(name);
    }
    if (kind === 'key_draft') await home.removeKeyDraft(name);
    if (kind === 'task_files') await store.taskFiles.deleteOf([name]);
    if (kind === 'idempotency_keys')
      await store.leftovers.forgetKeys(name as 'tasks' | 'batches', new Date());
    if (kind === 'orchestrator') await store.orchestrators.forgetGone();
    if (kind === 'lock_file') await home.removeLockFile(name);
    if (kind === 'event_stream') await streams.forget(name);
    return true;
  }

  async #endCage(row: CageToJudge, lost: Candidate['lost']): Promise<boolean> {
    const { store, cages } = this.#parts;
    if (lost) {
      await cages.lost(row.organisation, row.id, lost);
      return true;
    }
    if (row.state !== 'ending' && !(await store.leftovers.claimEnd(row))) return false;
    await cages.end(row.organisation, row.id);
    return true;
  }

  #warn(about: object, error: unknown, message: string): void {
    const { code, details } = toCodedError(error);
    this.#parts.log.warn({ ...about, code, details }, message);
  }
}

function told({ kind, name, why, action, ageMs, dueInMs }: Dated, nextLookMs: number): Leftover {
  const inMs = Math.round(Math.max(0, dueInMs, nextLookMs));
  return { kind, name, why, action, ageMs: Math.round(ageMs), dueInMs: inMs };
}
