import { request, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { CodedError } from '#errors/coded-error.ts';
import type { GateAddress } from '#protocol/bootstrap.ts';
import { GATE_BODY_LIMIT, gateError } from '#protocol/gate-reply.ts';

export interface TunnelOptions {
  readonly gate: GateAddress;
  /** Of role `webhook`. */
  readonly capability: string;
  /** `host:port`, IPv6 in brackets. */
  readonly authority: string;
  readonly signal: AbortSignal;
}

/**
 * A raw stream through the gate (HTTP CONNECT, RFC 9110 section 9.3.6), so that this process never connects to an address that a tenant wrote: the gate
 * resolves it, and refuses private ones. Errors: the gate's, `gate_unavailable`.
 */
export async function openTunnel({ gate, capability, authority, signal }: TunnelOptions): Promise<Socket> {
  const outgoing = request({
    ...('socket' in gate ? { socketPath: gate.socket } : gate),
    method: 'CONNECT',
    path: authority,
    agent: false,
    signal,
    headers: { host: 'gate', 'proxy-authorization': `Bearer ${capability}` },
  });
  const answered = new Promise<Socket>((resolve, reject) => {
    outgoing.on('error', (cause) => reject(new CodedError('gate_unavailable', undefined, { cause })));
    // Node hands over the socket for every answer to CONNECT, also for a refusal.
    outgoing.once('connect', (response, socket, head) => {
      socket.on('error', () => undefined);
      if (head.length > 0) socket.unshift(head);
      if (response.statusCode === 200) resolve(socket as Socket);
      else refused(response, socket as Socket).catch(reject);
    });
  });
  outgoing.end();
  return answered;
}

/** The gate closes the stream behind its refusal. */
async function refused(response: IncomingMessage, socket: Socket): Promise<never> {
  const length = Number(response.headers['content-length'] ?? Infinity);
  const body = length <= GATE_BODY_LIMIT ? await text(socket).catch(() => '') : '';
  socket.destroy();
  throw gateError(response.statusCode, body);
}
