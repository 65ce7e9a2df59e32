import { request, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { CodedError } from '#errors/coded-error.ts';
import type { GateAddress } from '#protocol/bootstrap.ts';
import { GATE_BODY_LIMIT, gateError } from '#protocol/gate-reply.ts';

export interface GateRequest {
  readonly gate: GateAddress;
  readonly capability: string;
  readonly method: 'CONNECT' | 'GET';
  /** `host:port` for CONNECT, a path for GET. */
  readonly path: string;
  /** The protocol to switch to, with GET. */
  readonly upgrade?: string;
  /** How long the gate may take to answer; no limit where absent. */
  readonly timeoutMs?: number;
  /** The stream's two directions end each for itself. */
  readonly halfOpen?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Asks the gate for a raw stream and gives the socket once it said yes; the bytes that came with the answer are in the
 * socket again. Errors: what the gate refused with, `gate_unavailable` where it does not answer, the signal's reason.
 */
export function gateRequest(wanted: GateRequest): Promise<Socket> {
  return new Promise((resolve, reject) => {
    wanted.signal?.throwIfAborted();
    const outgoing = request({
      ...('socket' in wanted.gate
        ? { socketPath: wanted.gate.socket }
        : { host: wanted.gate.host, port: wanted.gate.port }),
      method: wanted.method,
      path: wanted.path,
      // Node asks no `createConnection` where there is an agent.
      ...(wanted.halfOpen === true
        ? { createConnection: halfOpenConnection(wanted.gate) }
        : { agent: false }),
      headers: {
        host: 'gate',
        'proxy-authorization': `Bearer ${wanted.capability}`,
        ...(wanted.upgrade === undefined ? {} : { connection: 'Upgrade', upgrade: wanted.upgrade }),
      },
    });
    const timer =
      wanted.timeoutMs === undefined
        ? undefined
        : setTimeout(
            () => fail(new CodedError('gate_unavailable', { reason: 'no answer in time' })),
            wanted.timeoutMs,
          );
    const done = (): void => {
      clearTimeout(timer);
      wanted.signal?.removeEventListener('abort', abort);
    };
    const fail = (error: unknown): void => {
      done();
      outgoing.destroy();
      reject(error);
    };
    const abort = (): void => fail(wanted.signal?.reason);
    const succeed = (socket: Socket, head: Buffer): void => {
      done();
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    };
    const refuse = (response: IncomingMessage, body: Readable, head: Buffer): void => {
      const length = Math.min(Number(response.headers['content-length'] ?? GATE_BODY_LIMIT), GATE_BODY_LIMIT);
      readBody(body, head, length).then(
        (text) => fail(gateError(response.statusCode, text)),
        () => fail(gateError(response.statusCode, '')),
      );
    };
    wanted.signal?.addEventListener('abort', abort, { once: true });
    outgoing.on('error', (cause) => fail(new CodedError('gate_unavailable', undefined, { cause })));
    // Node hands over the socket for every answer to CONNECT, also for a refusal.
    outgoing.once('connect', (response, socket, head) => {
      socket.on('error', () => undefined);
      if (response.statusCode === 200) succeed(socket as Socket, head);
      else refuse(response, socket, head);
    });
    outgoing.once('upgrade', (_response, socket, head) => {
      socket.on('error', () => undefined);
      succeed(socket as Socket, head);
    });
    outgoing.once('response', (response) => refuse(response, response, Buffer.alloc(0)));
    outgoing.setNoDelay(true);
    outgoing.setSocketKeepAlive(true, 10_000);
    outgoing.end();
  });
}

const halfOpenConnection = (gate: GateAddress) => (): Socket =>
  connect({ ...('socket' in gate ? { path: gate.socket } : gate), allowHalfOpen: true });

async function readBody(stream: Readable, head: Buffer, length: number): Promise<string> {
  let body = head;
  if (body.length < length) {
    for await (const chunk of stream) {
      body = Buffer.concat([body, chunk as Buffer]);
      if (body.length >= length) break;
    }
  }
  return body.subarray(0, length).toString('utf8');
}
