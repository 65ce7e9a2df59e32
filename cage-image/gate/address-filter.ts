import ipaddr from 'ipaddr.js';

/**
 * Addresses that are neither in ipaddr.js' special ranges nor the public internet: what some clouds answer metadata on, and the rest of IANA's
 * special-purpose registries (RFC 6890).
 */
const ALSO_SPECIAL = [
  '168.63.129.16/32', // Azure's wire server
  '192.88.99.0/24', // 6to4 relays, RFC 7526
  '2001::/23', // IETF protocol assignments, Teredo and ORCHID among them
  '2001:db8::/32',
  '3fff::/20', // documentation, RFC 9637
].map((range) => ipaddr.parseCIDR(range));

/** The only IPv6 addresses that IANA has given out for the public internet. */
const GLOBAL_IPV6 = ipaddr.parseCIDR('2000::/3');

/**
 * Whether an address, as a resolver wrote it, is of the public internet. Not: private, loopback, link-local, metadata, shared (CGNAT), multicast, reserved,
 * and every IPv6 form that carries an IPv4 address in it (mapped, compatible, 6to4, Teredo, NAT64), whatever that one is.
 */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.IPv4.isValidFourPartDecimal(text) && !ipaddr.IPv6.isValid(text)) return false;
  if (text.includes('%')) return false;
  const address = ipaddr.parse(text);
  if (address.range() !== 'unicast') return false;
  if (address.kind() === 'ipv6' && !address.match(GLOBAL_IPV6)) return false;
  return !ALSO_SPECIAL.some((range) => range[0].kind() === address.kind() && address.match(range));
}
