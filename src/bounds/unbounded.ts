import { CodedError } from '#errors/coded-error.ts';
import { atLeast, type CallBound } from './call-bound.ts';

/** What a Claw can allow although its cost cannot be bounded; the words of claw.yaml. */
export type UnboundedFeature =
  'hosted_tools' | 'previous_response_id' | 'conversation' | 'remote_images' | 'files' | 'unknown_fields';

/** The Claw's `unbounded`: each call that uses one of `allow` reserves `tokensPerCall`, or its own bound where that is more. */
export interface UnboundedPolicy {
  readonly allow: readonly string[];
  readonly tokensPerCall: number;
  /** The provider counts the input of calls that go on with what it keeps, before each of them, at the cost of a request. */
  readonly countInput: boolean;
}

/** What of one call cannot be bounded: refused, or noted where the Claw allows it. */
export class Unbounded {
  readonly #allowed: ReadonlySet<string>;
  readonly #met = new Set<UnboundedFeature>();

  constructor(policy: UnboundedPolicy | undefined) {
    this.#allowed = new Set(policy?.allow);
  }

  get met(): ReadonlySet<UnboundedFeature> {
    return this.#met;
  }

  allows(feature: UnboundedFeature): boolean {
    return this.#allowed.has(feature);
  }

  /** Notes the feature where the Claw allows it. Error: `meter_unbounded` {field, reason, remedy}. */
  meet(feature: UnboundedFeature, field: string, reason: string): void {
    if (!this.allows(feature)) throw unbounded(field, reason, remedyFor(feature));
    this.#met.add(feature);
  }
}

const remedyFor = (feature: UnboundedFeature): string =>
  `claw.yaml: unbounded: { allow: [${feature}], tokensPerCall: N } lets it pass; each such call then reserves N tokens.`;

export function unbounded(
  field: string,
  reason: string,
  remedy = 'No setting lets it pass: leave it out.',
): CodedError {
  return new CodedError('meter_unbounded', { field, reason, remedy });
}

/** The bound of a call whose own bound may leave out what the Claw allows all the same. */
export const allowed = (bound: CallBound, met: Unbounded, policy: UnboundedPolicy | undefined): CallBound =>
  policy !== undefined && met.met.size > 0 ? atLeast(bound, policy.tokensPerCall) : bound;
