import { CodedError } from '#errors/coded-error.ts';
import type { Standing } from '../limiter/permit-request.ts';
import type { ClawRow } from '../store/claws-store.ts';
import type { Store } from '../store/store.ts';
import { standingOf } from './standing-of.ts';

/** From the rows as they are now. Errors: `store_unavailable`. */
export async function readStanding(
  { claws, keys, organisations }: Pick<Store, 'claws' | 'keys' | 'organisations'>,
  claw: ClawRow,
): Promise<Standing> {
  const [now, key, organisation] = await Promise.all([
    claws.byId(claw.organisation, claw.id),
    keys.byId(claw.organisation, claw.key),
    organisations.byId(claw.organisation),
  ]);
  if (!key || !organisation) throw new CodedError('not_found', { key: claw.key });
  return standingOf(now ?? claw, key, organisation);
}
