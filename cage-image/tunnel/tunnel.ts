import type { Socket } from 'node:net';
import type { GateAddress } from '#protocol/bootstrap.ts';
import { gateRequest } from './gate-request.ts';

export interface TunnelOptions {
  readonly gate: GateAddress;
  /** Of role `meter` or `agent`. */
  readonly capability: string;
  /** A name or an IP literal, IPv6 without brackets, as the capability lists it. */
  readonly host: string;
  readonly port: number;
  /** How long the gate may take to resolve and connect; 20 s where absent. */
  readonly timeoutMs?: number;
  readonly halfOpen?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A raw stream through the gate to `host:port` (HTTP CONNECT, RFC 9110 section 9.3.6), connected when it resolves. The caller does its own TLS
 * in it, with `host` as the server name (none for an IP literal): the gate closes the stream before a byte passes where that is not so.
 * Errors: the gate's (`gate_capability_invalid`, `gate_capability_expired`, `gate_target_denied`, `gate_address_denied`, `gate_not_tls`,
 * `gate_resolve_failed`, `gate_connect_failed`, `gate_busy`), `gate_unavailable`, or the signal's reason.
 */
export function openTunnel(options: TunnelOptions): Promise<Socket> {
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return gateRequest({
    gate: options.gate,
    capability: options.capability,
    method: 'CONNECT',
    path: `${host}:${options.port}`,
    timeoutMs: options.timeoutMs ?? 20_000,
    halfOpen: options.halfOpen,
    signal: options.signal,
  });
}
