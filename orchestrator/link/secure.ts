import type { Duplex } from 'node:stream';
import { connect, type TLSSocket } from 'node:tls';
import { CodedError } from '#errors/coded-error.ts';
import { LINK_TLS } from '#protocol/link-tls.ts';

/**
 * The controller's side of the link's TLS over a raw stream to the warden. Errors: `link_unauthenticated` where the other end does not hold the
 * secret, `link_closed` where the stream ended first or `timeoutMs` passed.
 */
export function secureLink(
  raw: Duplex,
  secret: Buffer,
  cageId: string,
  timeoutMs: number,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const tls = connect({
      socket: raw,
      ...LINK_TLS,
      pskCallback: () => ({ psk: secret, identity: cageId }),
      // A peer that shows a certificate in place of the secret is an impostor, whoever signed it.
      ca: [],
      checkServerIdentity: () => new Error('a certificate in place of the secret'),
    });
    const fail = (error: CodedError): void => {
      clearTimeout(timer);
      tls.destroy();
      raw.destroy();
      reject(error);
    };
    const timer = setTimeout(
      () => fail(new CodedError('link_closed', { reason: 'TLS took too long' })),
      timeoutMs,
    );
    const closed = (): void => fail(new CodedError('link_closed'));
    tls.on('error', (cause: NodeJS.ErrnoException) =>
      fail(
        new CodedError(isTlsFailure(cause) ? 'link_unauthenticated' : 'link_closed', undefined, { cause }),
      ),
    );
    tls.once('close', closed);
    tls.once('secureConnect', () => {
      if (!tls.isSessionReused()) return fail(new CodedError('link_unauthenticated'));
      clearTimeout(timer);
      tls.off('close', closed);
      resolve(tls);
    });
  });
}

/** TLS said no, as opposed to a stream that broke off. */
function isTlsFailure(error: NodeJS.ErrnoException): boolean {
  const code = error.code ?? '';
  return !/^(ECONN|EPIPE|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH)/.test(code);
}
