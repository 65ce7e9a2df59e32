import { CodedError } from '#errors/coded-error.ts';

/** Who asks: every request resolves to one. */
export interface Principal {
  readonly organisation: string;
  readonly subject: string;
  readonly role: Role;
}

/** `operator`: whoever runs the installation; the others are roles in an organisation. */
export const ROLES = ['operator', 'owner', 'admin', 'member', 'viewer'] as const;
export type Role = (typeof ROLES)[number];

export type Action =
  | 'keys.read'
  | 'keys.write'
  | 'claws.read'
  | 'claws.write'
  | 'claws.run'
  | 'tasks.read'
  | 'tasks.cancel'
  | 'usage.read'
  | 'limits.write'
  | 'webhooks.secret'
  | 'system.read'
  | 'system.operate';

export interface Decision {
  readonly allowed: boolean;
  readonly reason: string;
}

const READS: readonly Action[] = ['keys.read', 'claws.read', 'tasks.read', 'usage.read', 'system.read'];

/** Everything of an organisation; not what concerns all of them at once, as a backup does. */
const OWN: readonly Action[] = [
  ...READS,
  'keys.write',
  'claws.write',
  'claws.run',
  'tasks.cancel',
  'webhooks.secret',
  'limits.write',
];

const ALLOWED: Record<Role, readonly Action[] | 'all'> = {
  operator: 'all',
  owner: OWN,
  admin: OWN,
  member: [...READS, 'claws.run', 'tasks.cancel'],
  viewer: READS,
};

/** Whether a principal may do `action` to something of `organisation`. Pure; carries its reason. */
export function decide(principal: Principal, action: Action, organisation: string): Decision {
  if (principal.organisation !== organisation) return { allowed: false, reason: 'another organisation' };
  const allowed = ALLOWED[principal.role];
  if (allowed === 'all' || allowed.includes(action))
    return { allowed: true, reason: `role ${principal.role}` };
  return { allowed: false, reason: `role ${principal.role} may not ${action}` };
}

/** Throws `not_allowed` with the reason; for another organisation's things `not_found`, so that their existence is not told. */
export function assertAllowed(principal: Principal, action: Action, organisation: string): void {
  const { allowed, reason } = decide(principal, action, organisation);
  if (allowed) return;
  throw principal.organisation === organisation
    ? new CodedError('not_allowed', { reason })
    : new CodedError('not_found');
}
