import type { CallBound } from './call-bound.ts';
import type { OutputCaps } from './output-limit.ts';
import type { UnboundedPolicy } from './unbounded.ts';

/** What of a Claw decides how its calls are bounded. */
export interface ClawCaps extends OutputCaps {
  readonly unbounded?: UnboundedPolicy | undefined;
}

/** The provider counts the input first: a call of its own, which costs a request. */
export interface CountFirst {
  readonly path: '/responses/input_tokens';
  readonly body: string;
  /** The bound, once the provider has said how many tokens the input has. */
  readonly boundOf: (inputTokens: number) => CallBound;
}

/** A call as it is sent, and what it can take. */
export interface BoundedCall {
  /** The request as it is sent, written anew from what was understood. */
  readonly body: string;
  readonly bound: CallBound;
  /** A tighter bound, at the cost of tokenising; absent where none can be told. */
  readonly tighten?: () => Promise<CallBound>;
  /** Where the Claw wants it, and what cannot be bounded is nothing but history that the provider keeps. */
  readonly countFirst?: CountFirst;
}
