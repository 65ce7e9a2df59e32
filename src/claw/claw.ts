import type { ClawFields } from '#protocol/api.ts';

/** A configured agent: what its owner set (see the fields of `clawCreate`), and what became of it. Caps are per minute; null is no cap. */
export interface Claw extends ClawSettings {
  readonly id: string;
  readonly organisation: string;
  readonly state: ClawState;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** `stopped`: its tasks wait. `deployed`: they run. */
export const CLAW_STATES = ['stopped', 'deployed'] as const;
export type ClawState = (typeof CLAW_STATES)[number];

/** What its owner sets. `key` is the id of the key that its calls are made with. */
export type ClawSettings = { readonly name: string } & {
  readonly [Field in keyof ClawFields]: ClawFields[Field];
};

/** The settings that nothing is looked up by: they lie together in one column. */
export const BEHAVIOUR = [
  'api',
  'models',
  'maxOutputTokens',
  'contextTokens',
  'agent',
  'egress',
  'ca',
  'retry',
  'webhook',
  'reuse',
  'idleMs',
  'resources',
  'timeouts',
  'cancelGraceMs',
  'maxQueued',
  'weight',
  'callsAtOnce',
  'unbounded',
] as const satisfies readonly (keyof ClawFields)[];
export type ClawBehaviour = Pick<ClawFields, (typeof BEHAVIOUR)[number]>;
