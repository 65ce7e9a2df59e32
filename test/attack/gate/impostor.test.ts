import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { createServer, type TlsOptions } from 'node:tls';
import forge from 'node-forge';
import { describe, expect, it } from 'vitest';
import { secureLink } from '../../../orchestrator/link/secure.ts';

function selfSigned(): { key: string; cert: string } {
  const keys = forge.pki.rsa.generateKeyPair(2048);
  const cert = forge.pki.createCertificate();
  cert.publicKey = keys.publicKey;
  cert.validity.notAfter = new Date(Date.now() + 3_600_000);
  cert.setSubject([{ name: 'commonName', value: 'cage' }]);
  cert.setIssuer([{ name: 'commonName', value: 'cage' }]);
  cert.sign(keys.privateKey, forge.md.sha256.create());
  return { key: forge.pki.privateKeyToPem(keys.privateKey), cert: forge.pki.certificateToPem(cert) };
}

describe('a gate that pretends to be the cage', () => {
  it.each([
    ['a certificate', () => selfSigned()],
    ['a certificate and another secret', () => ({ ...selfSigned(), pskCallback: () => randomBytes(32) })],
    ['another secret', () => ({ pskCallback: () => randomBytes(32) })],
    ['nothing', () => ({})],
  ] as [string, () => TlsOptions][])('with %s is not believed', async (_, options) => {
    const spoken: Buffer[] = [];
    const server = createServer({ ...options(), minVersion: 'TLSv1.3' }, (tls) =>
      tls.on('data', (chunk) => spoken.push(chunk)),
    );
    server.on('tlsClientError', () => undefined).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const raw = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await expect(secureLink(raw, randomBytes(32), 'cage', 5_000)).rejects.toMatchObject({
      code: 'link_unauthenticated',
    });
    expect(spoken).toEqual([]);
    server.close();
  });
});
