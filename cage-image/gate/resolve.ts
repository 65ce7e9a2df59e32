import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { CodedError } from '#errors/coded-error.ts';
import { isPublicAddress } from './address-filter.ts';
import { isOddAddress, type Authority } from './authority.ts';

/** All addresses of a name, as the system knows them (its hosts file included). */
export type Resolver = (host: string) => Promise<readonly string[]>;

const RESOLVE_MS = 5_000;
const ADDRESSES = 4;

export const systemResolver: Resolver = async (host) => {
  const found = await lookup(host, { all: true, order: 'ipv4first' });
  return found.map(({ address }) => address);
};

/**
 * The addresses that may be dialled for a target: checked, and to be dialled as they are, since a second look-up may answer otherwise. With
 * `privateAllowed` any. Errors: `gate_address_denied`, `gate_resolve_failed`.
 */
export async function checkedAddresses(
  target: Authority,
  privateAllowed: boolean,
  resolve: Resolver,
): Promise<readonly string[]> {
  if (isOddAddress(target.host)) throw new CodedError('gate_address_denied', { host: target.host });
  const found = isIP(target.host) === 0 ? await resolved(target.host, resolve) : [target.host];
  const usable = privateAllowed
    ? found.filter((address) => isIP(address) !== 0)
    : found.filter(isPublicAddress);
  if (usable.length === 0) throw new CodedError('gate_address_denied', { host: target.host });
  return usable.slice(0, ADDRESSES);
}

async function resolved(host: string, resolve: Resolver): Promise<readonly string[]> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new CodedError('gate_resolve_failed', { host })), RESOLVE_MS);
  try {
    const found = await Promise.race([resolve(host), late.promise]);
    if (found.length > 0) return found;
  } catch (cause) {
    throw new CodedError('gate_resolve_failed', { host }, { cause });
  } finally {
    clearTimeout(timer);
  }
  throw new CodedError('gate_resolve_failed', { host });
}
