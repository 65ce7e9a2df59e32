import type { Duplex } from 'node:stream';
import { CodedError, toCodedError } from '#errors/coded-error.ts';
import type { CapabilityTarget } from '#protocol/capability.ts';
import { HELLO_LIMIT, readClientHello } from './client-hello.ts';

/** A TLS record with the fatal alert `unrecognized_name` (RFC 6066 section 3), for a client to know why it is refused. */
const UNRECOGNIZED_NAME = Buffer.from([21, 3, 3, 0, 2, 2, 112]);

/**
 * Waits for the client's ClientHello and checks its server name against the target; the bytes read are in the stream again. Errors:
 * `gate_sni_mismatch`, `gate_not_tls` (also for a client that ends, or takes longer than `timeoutMs`).
 */
export async function checkFirstFlight(
  client: Duplex,
  target: CapabilityTarget,
  timeoutMs: number,
): Promise<void> {
  if (target.tls === 'plain') return;
  const serverName = await readServerName(client, timeoutMs);
  const wanted = target.tls === 'sni' ? target.host : undefined;
  if (serverName?.toLowerCase() === wanted) return;
  client.write(UNRECOGNIZED_NAME);
  throw new CodedError('gate_sni_mismatch', { host: target.host });
}

function readServerName(client: Duplex, timeoutMs: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const stop = (): void => {
      clearTimeout(timer);
      client.off('data', take);
      client.off('end', fail);
      client.off('close', fail);
      client.pause();
    };
    const fail = (): void => {
      stop();
      reject(new CodedError('gate_not_tls'));
    };
    const take = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk.subarray(0, HELLO_LIMIT * 2)]);
      try {
        const reading = readClientHello(bytes);
        if (!reading.done) return;
        stop();
        client.unshift(bytes);
        resolve(reading.serverName);
      } catch (error) {
        stop();
        reject(toCodedError(error));
      }
    };
    const timer = setTimeout(fail, timeoutMs);
    client.on('data', take);
    client.once('end', fail);
    client.once('close', fail);
    client.resume();
  });
}
