import { request, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { CodedError } from '#errors/coded-error.ts';
import type { GateAddress } from '#protocol/bootstrap.ts';
import { GATE_BODY_LIMIT, GATE_LINK_PATH, GATE_LINK_UPGRADE, gateError } from '#protocol/gate-reply.ts';

export interface AttachOptions {
  readonly gate: GateAddress;
  /** Of role `controller`. */
  readonly capability: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * A raw stream to the warden of the cage that the capability names. Errors: the gate's (`gate_no_cage`, `gate_capability_*`, `gate_busy`),
 * `gate_unavailable` where it does not answer in time.
 */
export async function attachToLink(options: AttachOptions): Promise<Duplex> {
  const { gate, capability, timeoutMs, signal } = options;
  const outgoing = request({
    ...('socket' in gate ? { socketPath: gate.socket } : gate),
    path: GATE_LINK_PATH,
    agent: false,
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    headers: {
      host: 'gate',
      connection: 'Upgrade',
      upgrade: GATE_LINK_UPGRADE,
      'proxy-authorization': `Bearer ${capability}`,
    },
  });
  outgoing.setNoDelay(true);
  outgoing.setSocketKeepAlive(true, 10_000);
  const answered = new Promise<Duplex>((resolve, reject) => {
    outgoing.on('error', (cause) => reject(new CodedError('gate_unavailable', undefined, { cause })));
    outgoing.once('response', (response) => resolve(refused(response)));
    outgoing.once('upgrade', (_response, stream, head) => {
      stream.on('error', () => undefined);
      if (head.length > 0) stream.unshift(head);
      resolve(stream);
    });
  });
  outgoing.end();
  return answered;
}

async function refused(response: IncomingMessage): Promise<never> {
  const length = Number(response.headers['content-length'] ?? Infinity);
  if (length > GATE_BODY_LIMIT) response.destroy();
  const body = await text(response).catch(() => '');
  throw gateError(response.statusCode, body);
}
