import type { z } from 'zod';
import { CodedError } from '#errors/coded-error.ts';
import type {
  ExplainReply,
  explainRequest,
  LimitsReply,
  OrganisationLimits,
  OrganisationLimitsPatch,
} from '#protocol/api.ts';
import { clawNamed } from '../claws/claw-named.ts';
import { standingOf } from '../launch/standing-of.ts';
import type { Limiter } from '../limiter/limiter.ts';
import type { Standing } from '../limiter/permit-request.ts';
import type { ClawRow } from '../store/claws-store.ts';
import type { OrganisationRow } from '../store/organisations-store.ts';
import type { Store } from '../store/store.ts';
import { limitsReply } from './claw-limits.ts';
import { explainReply } from './explain-reply.ts';

interface Parts {
  readonly store: Pick<Store, 'claws' | 'keys' | 'organisations'>;
  readonly limiter: Pick<Limiter, 'standing'>;
  /** The organisation may have more cages than before, or fewer: its waiting tasks look again, spares that are too many go. */
  readonly onMaxCages: (organisation: string) => void;
}

interface Levels {
  readonly claw: ClawRow;
  readonly standing: Standing;
  /** By the id of the level. */
  readonly names: ReadonlyMap<string, string>;
}

/** The caps of an organisation, where a Claw stands among those that hold for it, and what a call would reserve. */
export class LimitsService {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async ofOrganisation(organisation: string): Promise<OrganisationLimits> {
    return capsOf(await this.#parts.store.organisations.byId(organisation));
  }

  /**
   * What is left out stays. Caps are in force for the next permit, within a second, and never shorten what is counted already; a smaller number of cages ends spares
   * only: the next tasks wait.
   */
  async change(organisation: string, change: OrganisationLimitsPatch): Promise<OrganisationLimits> {
    const { store, onMaxCages } = this.#parts;
    const caps = capsOf(await store.organisations.setCaps(organisation, change));
    if (change.maxCages !== undefined) onMaxCages(organisation);
    return caps;
  }

  /** As it is at this moment. Errors: `not_found`, `limiter_unavailable`. */
  async ofClaw(organisation: string, name: string): Promise<LimitsReply> {
    const { claw, standing, names } = await this.#levels(organisation, name);
    const state = await this.#parts.limiter.standing(organisation, claw.id, standing);
    return limitsReply(claw, state, names);
  }

  /**
   * What a call of the Claw's would reserve and why, against each cap with nothing else counted. Nothing of the body is kept, and it is sent nowhere. Errors: `not_found`, and those
   * with which the meter would refuse the call.
   */
  async explain(organisation: string, request: z.output<typeof explainRequest>): Promise<ExplainReply> {
    const { claw, standing } = await this.#levels(organisation, request.claw);
    return explainReply(request, claw, standing.levels);
  }

  async #levels(organisation: string, name: string): Promise<Levels> {
    const { claws, keys, organisations } = this.#parts.store;
    const claw = await clawNamed(claws, organisation, name);
    const [key, own] = await Promise.all([
      keys.byId(organisation, claw.key),
      organisations.byId(organisation),
    ]);
    if (!key || !own) throw new CodedError('not_found', { claw: name });
    const names = [claw, key, own].map((row) => [row.id, row.name] as const);
    return { claw, standing: standingOf(claw, key, own), names: new Map(names) };
  }
}

function capsOf(row: OrganisationRow | undefined): OrganisationLimits {
  if (!row) throw new CodedError('not_found');
  const { requestsPerMinute, tokensPerMinute, maxCages } = row;
  return { requestsPerMinute, tokensPerMinute, maxCages };
}
