/** A configured agent. Caps are per minute; null is no cap. */
export interface Claw {
  readonly id: string;
  readonly organisation: string;
  readonly name: string;
  readonly model: string;
  /** The id of the key that its calls are made with. */
  readonly key: string;
  readonly instructions: string;
  readonly requestsPerMinute: number | null;
  readonly tokensPerMinute: number | null;
  /** Model calls that the built-in agent may make for one task. */
  readonly maxSteps: number;
  /** Tasks that may run at once; the others wait. */
  readonly concurrency: number;
  /** The longest time of a task that names none. */
  readonly timeoutMs: number;
  readonly state: ClawState;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** `stopped`: its tasks wait. `deployed`: they run. */
export const CLAW_STATES = ['stopped', 'deployed'] as const;
export type ClawState = (typeof CLAW_STATES)[number];

/** What its owner sets. */
export type ClawSettings = Pick<
  Claw,
  | 'name'
  | 'model'
  | 'key'
  | 'instructions'
  | 'requestsPerMinute'
  | 'tokensPerMinute'
  | 'maxSteps'
  | 'concurrency'
  | 'timeoutMs'
>;
