import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { verifyCapability } from '#protocol/capability.ts';
import { CapabilityIssuer, targetOf } from '../../../orchestrator/link/capabilities.ts';

describe('the target of a base URL', () => {
  it.each([
    ['https://api.openai.com/v1', { host: 'api.openai.com', port: 443, tls: 'sni' }],
    ['https://API.Example.com.:8443/v1', { host: 'api.example.com', port: 8443, tls: 'sni' }],
    ['https://10.0.0.5/v1', { host: '10.0.0.5', port: 443, tls: 'ip' }],
    ['https://[2606:4700::1111]:444/', { host: '2606:4700::1111', port: 444, tls: 'ip' }],
    ['https://0x7f.1/v1', { host: '127.0.0.1', port: 443, tls: 'ip' }],
    ['http://host.docker.internal:11434/v1', { host: 'host.docker.internal', port: 11434, tls: 'plain' }],
    ['http://model.example/', { host: 'model.example', port: 80, tls: 'plain' }],
  ])('%s', (url, target) => {
    expect(targetOf(url)).toEqual(target);
  });

  it('is not of another scheme', () => {
    expect(() => targetOf('ftp://example.com')).toThrow(TypeError);
  });
});

describe('capabilities', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const nowMs = 1_700_000_000_000;
  const issuer = new CapabilityIssuer({ install: 'a', privateKey, nowMs: () => nowMs });
  const subject = { cage: 'c', organisation: 'o', claw: 'w' };
  const read = (token: string, atMs = nowMs) => verifyCapability(token, publicKey, 'a', atMs);

  it('name their role and targets', () => {
    expect(read(issuer.link(subject))).toMatchObject({
      role: 'link',
      cage: 'c',
      organisation: 'o',
      claw: 'w',
      targets: [],
    });
    expect(read(issuer.controller(subject))).toMatchObject({ role: 'controller', targets: [] });
    expect(
      read(issuer.meter({ ...subject, baseUrl: 'https://api.openai.com/v1', lifeMs: 60_000 })),
    ).toMatchObject({
      role: 'meter',
      targets: [{ host: 'api.openai.com', port: 443, tls: 'sni' }],
      tunnelMs: 360_000,
    });
    const egress = [
      'Files.Example.',
      'files.example:443',
      '[2606:4700::1111]:8443',
      'http://old.example:8080',
    ];
    expect(read(issuer.agent({ ...subject, egress, lifeMs: 0 }))).toMatchObject({
      role: 'agent',
      targets: [
        { host: 'files.example', port: 443, tls: 'sni' },
        { host: '2606:4700::1111', port: 8443, tls: 'ip' },
        { host: 'old.example', port: 8080, tls: 'plain' },
      ],
    });
  });

  it('ask for no TLS where one of two entries for a host and port asks for none', () => {
    for (const egress of [
      ['a.example:80', 'http://a.example'],
      ['http://a.example', 'a.example:80'],
    ])
      expect(read(issuer.agent({ ...subject, egress, lifeMs: 0 })).targets).toEqual([
        { host: 'a.example', port: 80, tls: 'plain' },
      ]);
  });

  it('hold the longest egress list', () => {
    const label = 'a'.repeat(60);
    const egress = Array.from(
      { length: 200 },
      (_, at) => `http://${at}.${label}.${label}.${label}.example:${60000 + at}`,
    );
    expect(read(issuer.agent({ ...subject, egress, lifeMs: 0 })).targets).toHaveLength(200);
  });

  it("of a task end two hours after the task's time, so that a clock that is set by one changes nothing; their tunnels soon after it", () => {
    const token = issuer.meter({ ...subject, baseUrl: 'https://api.openai.com/v1', lifeMs: 60_000 });
    const twoHoursMs = 2 * 3600_000;
    expect(read(token, nowMs + 3600_000)).toMatchObject({ role: 'meter', tunnelMs: 360_000 });
    expect(read(token, nowMs + twoHoursMs + 359_000).role).toBe('meter');
    expect(() => read(token, nowMs + twoHoursMs + 361_000)).toThrow(
      expect.objectContaining({ code: 'gate_capability_expired' }),
    );
  });
});
