import { connect, type Socket } from 'node:net';
import { CodedError, toCodedError } from '#errors/coded-error.ts';
import type { CapabilityClaims, CapabilityTarget } from '#protocol/capability.ts';
import { sayConnected } from './answers.ts';
import { normaliseHost, parseAuthority, type Authority } from './authority.ts';
import type { GateBooks } from './books.ts';
import { checkFirstFlight } from './first-flight.ts';
import type { GateLimits } from './limits.ts';
import { checkedAddresses, type Resolver } from './resolve.ts';
import { splice } from '../tunnel/splice.ts';

export interface TunnelParts {
  readonly allowHosts: ReadonlySet<string>;
  readonly limits: GateLimits;
  readonly books: GateBooks;
  readonly resolve: Resolver;
}

/**
 * Answers one CONNECT: allowed ──▶ resolved and checked ──▶ connected, 200 ──▶ first flight checked ──▶ spliced. After the 200 a
 * refusal can only close the stream; the books have its code.
 */
export async function openTunnel(
  parts: TunnelParts,
  claims: CapabilityClaims,
  authority: string,
  client: Socket,
): Promise<void> {
  const { books, limits } = parts;
  let upstream: Socket | undefined;
  const entry = books.enter(claims);
  const leave = (): void => {
    upstream?.destroy();
    entry.close();
  };
  client.once('close', leave);
  try {
    const { target, privateAllowed } = allowed(parts, claims, authority);
    const addresses = await checkedAddresses(target, privateAllowed, parts.resolve);
    upstream = await connectFirst(addresses, target.port, limits.connectMs);
    if (client.destroyed) return leave();
    sayConnected(client);
    await checkFirstFlight(client, target, limits.helloMs).catch((error: unknown) => {
      books.refused(toCodedError(error).code);
      client.destroySoon();
      throw error;
    });
    const lifeMs = Math.min(claims.tunnelMs, Math.max(0, claims.expires * 1000 - Date.now()));
    splice(client, upstream, { lifeMs, count: (bytes) => entry.count(bytes), closed: leave });
  } catch (error) {
    upstream?.destroy();
    if (upstream === undefined) throw error;
  }
}

function allowed(
  parts: TunnelParts,
  claims: CapabilityClaims,
  authority: string,
): { target: CapabilityTarget; privateAllowed: boolean } {
  const wanted = parseAuthority(authority);
  const target =
    wanted &&
    claims.targets.find((one) => normaliseHost(one.host) === wanted.host && one.port === wanted.port);
  if (!wanted || !target) throw new CodedError('gate_target_denied', wanted ? { ...wanted } : {});
  const privateAllowed = parts.allowHosts.has(keyOf(wanted));
  // A meter's tunnel carries a key; what an agent sends without TLS is its own, and its target is an entry of the egress list.
  if (target.tls === 'plain' && !privateAllowed && claims.role !== 'agent')
    throw new CodedError('gate_not_tls', { ...wanted });
  return { target: { ...wanted, tls: target.tls }, privateAllowed };
}

const keyOf = ({ host, port }: Authority): string => `${host}:${port}`;

/** The first of the addresses that answers. Errors: `gate_connect_failed`. */
async function connectFirst(addresses: readonly string[], port: number, timeoutMs: number): Promise<Socket> {
  let cause: unknown;
  for (const address of addresses) {
    try {
      return await connectTo(address, port, timeoutMs);
    } catch (error) {
      cause = error;
    }
  }
  throw new CodedError(
    'gate_connect_failed',
    { port, reason: (cause as NodeJS.ErrnoException | undefined)?.code ?? 'unknown' },
    { cause },
  );
}

function connectTo(host: string, port: number, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
      autoSelectFamily: false,
    });
    const fail = (error: unknown): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(error as Error);
    };
    const timer = setTimeout(
      () => fail(Object.assign(new Error('connecting took too long'), { code: 'ETIMEDOUT' })),
      timeoutMs,
    );
    socket.on('error', fail);
    socket.once('connect', () => {
      clearTimeout(timer);
      resolve(socket);
    });
  });
}
