import { isIP } from 'node:net';

export interface Authority {
  /** Lower case, without a trailing dot and without brackets. */
  readonly host: string;
  readonly port: number;
}

const LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/;

/** `host:port` or `[IPv6]:port`; undefined where it is neither. What the system's resolver would read as a number is caught by `isOddAddress`. */
export function parseAuthority(text: string): Authority | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]/@?#%\\]+)):([0-9]{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port < 1 || port > 65_535) return undefined;
  const host = normaliseHost(match[1] ?? match[2] ?? '');
  if (host === undefined || (match[1] !== undefined) !== (isIP(host) === 6)) return undefined;
  return { host, port };
}

/** One way to write each host; undefined for what is neither a name nor an address without a zone. */
export function normaliseHost(text: string): string | undefined {
  const host = text
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '');
  if (isIP(host) === 6) return host.includes('%') ? undefined : canonicalIPv6(host);
  if (isIP(host) === 4) return host;
  if (host.length === 0 || host.length > 253) return undefined;
  return host.split('.').every((label) => LABEL.test(label)) ? host : undefined;
}

/**
 * A number that some resolvers take for an IPv4 address though it is not in four decimal parts (`2130706433`, `0x7f.1`, `0177.0.0.1`, `127.1`): its
 * last label is a number (WHATWG URL, "ends in a number").
 */
export function isOddAddress(host: string): boolean {
  if (isIP(host) !== 0) return false;
  const last = host.split('.').at(-1) ?? '';
  return /^(?:[0-9]+|0x[0-9a-f]*)$/.test(last);
}

const canonicalIPv6 = (host: string): string => new URL(`http://[${host}]/`).hostname.slice(1, -1);
