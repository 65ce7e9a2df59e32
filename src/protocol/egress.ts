import type { CapabilityTarget } from './capability.ts';

/**
 * What an entry of an egress list lets through: `host` and `host:port` mean TLS with that server name (port 443 where none is named; TLS without a
 * name for an IP literal), `http://host:port` no TLS (port 80). The URL parser (WHATWG) writes every host in one way: lower case, IPv4 as four decimal
 * numbers, IPv6 canonical; a trailing dot is taken off. Undefined for what is none of these.
 */
export function egressTarget(entry: string): CapabilityTarget | undefined {
  const plain = /^http:\/\//i.test(entry);
  const authority = plain ? entry.slice('http://'.length) : entry;
  if (!/^(?:\[[^\]]+\]|[^\s:[\]/@?#%*\\]+)(?::[0-9]{1,5})?$/.test(authority)) return undefined;
  const url = URL.parse(`${plain ? 'http' : 'https'}://${authority}/`);
  if (url === null) return undefined;
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  const port = url.port === '' ? (plain ? 80 : 443) : Number(url.port);
  if (host === '' || port === 0) return undefined;
  return { host, port, tls: plain ? 'plain' : isAddress(host) ? 'ip' : 'sni' };
}

/** The shortest entry that would let a connection through. */
export function egressEntryFor(target: CapabilityTarget): string {
  const host = target.host.includes(':') ? `[${target.host}]` : target.host;
  if (target.tls === 'plain') return `http://${host}${target.port === 80 ? '' : `:${target.port}`}`;
  return `${host}${target.port === 443 ? '' : `:${target.port}`}`;
}

/** Of a host as the URL parser writes it. */
const isAddress = (host: string): boolean => host.includes(':') || /^[0-9]+(?:\.[0-9]+){3}$/.test(host);
