import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { loadGateConfig } from '../../../cage-image/gate/config.ts';

const pem = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString();
const env = { CLAWCAGE_GATE_INSTALL: 'test', CLAWCAGE_GATE_PUBLIC_KEY: Buffer.from(pem).toString('base64') };

describe("the gate's configuration", () => {
  it('has defaults for all but the installation and its key', () => {
    expect(loadGateConfig(env)).toMatchObject({
      install: 'test',
      socketPath: '/run/gate/gate.sock',
      host: '0.0.0.0',
      port: 4181,
    });
  });

  it('writes allowed hosts in one way', () => {
    const { allowHosts } = loadGateConfig({
      ...env,
      CLAWCAGE_GATE_ALLOW_HOSTS: 'Host.Docker.internal:9443, [::1]:80,10.0.0.5:8000,',
    });
    expect([...allowHosts]).toEqual(['host.docker.internal:9443', '::1:80', '10.0.0.5:8000']);
  });

  it.each([
    ['CLAWCAGE_GATE_INSTALL', { CLAWCAGE_GATE_INSTALL: '' }],
    ['CLAWCAGE_GATE_PUBLIC_KEY', { CLAWCAGE_GATE_PUBLIC_KEY: 'bm8=' }],
    ['CLAWCAGE_GATE_ALLOW_HOSTS', { CLAWCAGE_GATE_ALLOW_HOSTS: 'host' }],
    ['CLAWCAGE_GATE_PORT', { CLAWCAGE_GATE_PORT: '80a' }],
  ])('is refused with the field %s where it is not valid', (field, wrong) => {
    expect(() => loadGateConfig({ ...env, ...wrong })).toThrow(
      expect.objectContaining({ code: 'config_invalid', details: expect.objectContaining({ field }) }),
    );
  });
});
