import { egressTarget } from '#protocol/egress.ts';
import { targetOf } from '../link/capabilities.ts';
import type { KeysStore } from '../store/keys-store.ts';

/** Of each entry that names a host of one of the organisation's keys, which only the meter may reach: the entry. */
export async function providerEntries(
  keys: KeysStore,
  organisation: string,
  egress: readonly string[],
): Promise<string[]> {
  if (egress.length === 0) return [];
  const active = (await keys.list(organisation)).filter(({ state }) => state === 'active');
  const hosts = new Set(active.map(({ baseUrl }) => targetOf(baseUrl).host));
  return egress.filter((entry) => hosts.has(egressTarget(entry)?.host ?? ''));
}

/** What an agent may reach: the Claw's list without the hosts of the organisation's providers, which may have come after it. */
export async function agentEgress(
  keys: KeysStore,
  organisation: string,
  egress: readonly string[],
): Promise<string[]> {
  const refused = new Set(await providerEntries(keys, organisation, egress));
  return egress.filter((entry) => !refused.has(entry) && egressTarget(entry) !== undefined);
}
