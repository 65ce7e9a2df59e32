import { describe, expect, it } from 'vitest';
import { egressEntryFor, egressTarget } from '#protocol/egress.ts';
import { EgressList } from '../../../cage-image/warden/egress/egress-list.ts';
import { reasonPhrase, refusalOf } from '../../../cage-image/warden/egress/refusal.ts';
import { CodedError } from '#errors/coded-error.ts';

describe('an entry of the egress list', () => {
  it.each([
    ['pypi.org', { host: 'pypi.org', port: 443, tls: 'sni' }],
    ['PyPI.org.', { host: 'pypi.org', port: 443, tls: 'sni' }],
    ['pypi.org:443', { host: 'pypi.org', port: 443, tls: 'sni' }],
    ['pypi.org:80', { host: 'pypi.org', port: 80, tls: 'sni' }],
    ['pypi.org:8443', { host: 'pypi.org', port: 8443, tls: 'sni' }],
    ['http://pypi.org', { host: 'pypi.org', port: 80, tls: 'plain' }],
    ['http://pypi.org:443', { host: 'pypi.org', port: 443, tls: 'plain' }],
    ['HTTP://pypi.org:8080', { host: 'pypi.org', port: 8080, tls: 'plain' }],
    ['192.0.2.7', { host: '192.0.2.7', port: 443, tls: 'ip' }],
    ['0x7f.1:444', { host: '127.0.0.1', port: 444, tls: 'ip' }],
    ['[2001:DB8:0::1]:444', { host: '2001:db8::1', port: 444, tls: 'ip' }],
    ['http://[2001:db8::1]', { host: '2001:db8::1', port: 80, tls: 'plain' }],
  ])('%s', (entry, target) => {
    expect(egressTarget(entry)).toEqual(target);
    expect(egressTarget(egressEntryFor(egressTarget(entry)!))).toEqual(target);
  });

  it.each([
    '',
    'https://pypi.org',
    'ftp://pypi.org',
    'pypi.org/simple',
    'user@pypi.org',
    'pypi.org:0',
    'pypi.org:65536',
    'pypi.org:',
    '*.pypi.org',
    '2001:db8::1',
    '[fe80::1%25lo]',
    '.',
    'a b',
    'pypi.org#',
  ])('is not "%s"', (entry) => {
    expect(egressTarget(entry)).toBeUndefined();
  });
});

describe('the egress list', () => {
  const entries = [
    'pypi.org',
    'git.example:8443',
    'http://old.example',
    'both.example:80',
    'http://both.example',
  ];
  const list = new EgressList({ claw: 'coder', entries, providerUrl: 'https://api.openai.com/v1' });
  const refused = (status: number, message: RegExp) =>
    expect.objectContaining({ status, message: expect.stringMatching(message) as string }) as unknown;

  it.each([
    ['pypi.org:443', 'sni'],
    ['PYPI.ORG.:443', 'sni'],
    ['git.example:8443', 'sni'],
    ['old.example:80', 'plain'],
    ['both.example:80', 'plain'],
  ])('lets CONNECT %s through', (authority, tls) => {
    expect(list.tunnel(authority).tls).toBe(tls);
  });

  it.each([
    ['pypi.org:8443', 'pypi.org:8443'],
    ['files.pythonhosted.org:443', 'files.pythonhosted.org'],
    ['x.pypi.org:443', 'x.pypi.org'],
    ['pypi.org:80', 'http://pypi.org'],
    ['[2606:4700::1111]:443', '[2606:4700::1111]'],
    ['169.254.169.254:80', 'http://169.254.169.254'],
  ])('says of CONNECT %s that %s would have to be on it', (authority, entry) => {
    expect(() => list.tunnel(authority)).toThrow(
      refused(
        403,
        new RegExp(
          `^gate_target_denied: .*Add "${entry.replace(/[[\].]/g, '\\$&')}" .*claws update coder --egress`,
        ),
      ),
    );
  });

  it.each(['pypi.org', 'http://pypi.org:443', ':443', 'a b:443', ''])('takes no CONNECT %s', (authority) => {
    expect(() => list.tunnel(authority)).toThrow(refused(400, /^request_invalid/));
  });

  it('lets a plain request through for http:// entries only', () => {
    expect(list.plain(URL.parse('http://OLD.example/x?y')).port).toBe(80);
    expect(() => list.plain(URL.parse('http://old.example:81/'))).toThrow(
      refused(403, /"http:\/\/old\.example:81"/),
    );
    expect(() => list.plain(URL.parse('http://pypi.org:443/'))).toThrow(refused(403, /for TLS only/));
    for (const url of ['https://pypi.org/', 'ftp://old.example/', '/x', ''])
      expect(() => list.plain(URL.parse(url))).toThrow(refused(400, /CONNECT for https/));
  });

  it('points to the meter where the provider is wanted, and does not say to add it', () => {
    expect(() => list.tunnel('api.openai.com:443')).toThrow(
      refused(403, /^egress_provider_host: .*OPENAI_BASE_URL/),
    );
  });
});

describe('a refusal of the gate', () => {
  it('comes through with its words and its status', () => {
    const error = new CodedError('gate_address_denied', { host: 'intranet.example', port: 443 });
    expect(refusalOf(error)).toMatchObject({
      status: 403,
      message: expect.stringMatching(/^gate_address_denied: .*\(intranet\.example, 443\)$/) as string,
    });
  });

  it('stays one line', () => {
    expect(reasonPhrase('a\r\nset-cookie: x ü')).toBe('a??set-cookie: x ?');
  });
});
