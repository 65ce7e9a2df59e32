import type { ClawRow } from '../store/claws-store.ts';
import type { KeyRow } from '../store/keys-store.ts';
import type { OrganisationRow } from '../store/organisations-store.ts';
import type { Standing } from '../limiter/permit-request.ts';
import { capsOf } from './caps-of.ts';

/** What is in force for the calls of a Claw that are made with that key. What a row is missing of has no caps. */
export function standingOf(
  claw: ClawRow,
  key: Pick<KeyRow, 'id' | 'requestsPerMinute' | 'tokensPerMinute'>,
  organisation: Pick<OrganisationRow, 'id' | 'requestsPerMinute' | 'tokensPerMinute'>,
): Standing {
  return {
    levels: [
      { level: 'claw', id: claw.id, ...capsOf(claw) },
      { level: 'key', id: key.id, ...capsOf(key) },
      { level: 'organisation', id: organisation.id, ...capsOf(organisation) },
    ],
    weight: claw.weight,
    ...(claw.callsAtOnce !== null && { callsAtOnce: claw.callsAtOnce }),
    ...(claw.state !== 'deployed' && { paused: 'claw stopped' }),
  };
}
