import type { ClawCaps } from '#bounds/bounded-call.ts';
import type { ClawModels } from '#bounds/claw-models.ts';

/** A request of the agent's that brings a body. */
export interface AgentRequest {
  readonly body: Buffer;
  readonly contentType: string | undefined;
  readonly accept: string | undefined;
}

/** What of a Claw decides how its calls are made. */
export interface ClawBounds extends ClawModels, ClawCaps {}
