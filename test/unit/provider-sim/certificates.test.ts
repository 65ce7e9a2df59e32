import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkServerIdentity, connect, createServer, type PeerCertificate } from 'node:tls';
import { once } from 'node:events';
import { isIP, type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { certificateIn, issueServerCertificate, makeAuthority } from '../../../provider-sim/certificates.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'provider-sim-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the simulator’s certificates', () => {
  it('are accepted by a TLS client that trusts the CA, for every name, and by none that does not', async () => {
    const made = certificateIn(folder, ['172.17.0.1', 'models.example.test']);
    const server = createServer({ cert: made.certPem, key: made.keyPem }, (socket) => socket.end());
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const shake = async (host: string, ca?: string) => {
      const servername = isIP(host) ? '' : host;
      const checkIdentity = (_: string, cert: PeerCertificate) => checkServerIdentity(host, cert);
      const socket = connect({ host: '127.0.0.1', port, servername, ca, checkServerIdentity: checkIdentity });
      await Promise.race([
        once(socket, 'secureConnect'),
        once(socket, 'error').then(([error]) => Promise.reject(error as Error)),
      ]);
      socket.destroy();
    };
    for (const name of [
      'localhost',
      '127.0.0.1',
      'host.docker.internal',
      '172.17.0.1',
      'models.example.test',
    ])
      await shake(name, made.caPem);
    await expect(shake('elsewhere.example.test', made.caPem)).rejects.toThrow(/altnames/);
    await expect(shake('localhost')).rejects.toThrow(/certificate/);
    await expect(shake('localhost', makeAuthority().certPem)).rejects.toThrow(/certificate/);
    server.close();
  });

  it('stay the same at the next start, with keys that only the owner reads', () => {
    const first = certificateIn(folder);
    expect(certificateIn(folder)).toEqual(first);
    expect(readFileSync(join(folder, 'ca.pem'), 'utf8')).toBe(first.caPem);
    for (const file of ['ca.key', 'server.key'])
      expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
  });

  it('are made again below the same CA when a name is added', () => {
    const first = certificateIn(folder);
    const second = certificateIn(folder, ['10.1.2.3']);
    expect(second.caPem).toBe(first.caPem);
    expect(new X509Certificate(second.certPem).checkIP('10.1.2.3')).toBe('10.1.2.3');
    expect(new X509Certificate(first.certPem).checkIP('10.1.2.3')).toBeUndefined();
  });

  it('carry serial numbers that DER can write in one way only', () => {
    const authority = makeAuthority();
    for (let made = 0; made < 20; made++) {
      const { certPem } = issueServerCertificate(authority, ['localhost']);
      expect(new X509Certificate(certPem).serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
    }
  });
});
