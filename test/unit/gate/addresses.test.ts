import { describe, expect, it } from 'vitest';
import { isPublicAddress } from '../../../cage-image/gate/address-filter.ts';
import { isOddAddress, normaliseHost, parseAuthority } from '../../../cage-image/gate/authority.ts';
import { checkedAddresses } from '../../../cage-image/gate/resolve.ts';

const refused: readonly (readonly [string, ...string[]])[] = [
  ['this network', '0.0.0.0', '0.1.2.3'],
  ['loopback', '127.0.0.1', '127.255.255.254', '::1'],
  [
    'private',
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    'fc00::1',
    'fd12:3456::1',
    'fec0::1',
  ],
  [
    'link-local and metadata',
    '169.254.169.254',
    '169.254.170.2',
    'fe80::1',
    'fd00:ec2::254',
    '168.63.129.16',
    '192.0.0.192',
    '100.100.100.200',
  ],
  ['shared (CGNAT)', '100.64.0.1', '100.127.255.255'],
  ['multicast', '224.0.0.1', '239.255.255.250', 'ff02::1'],
  [
    'reserved',
    '240.0.0.1',
    '255.255.255.255',
    '192.0.2.1',
    '198.18.0.1',
    '198.51.100.7',
    '203.0.113.9',
    '192.88.99.1',
    '2001:db8::1',
    '3fff::1',
    '100::1',
    '5f00::1',
  ],
  ['unspecified', '::', '0:0:0:0:0:0:0:0'],
  [
    'IPv4-mapped and -compatible',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:8.8.8.8',
    '::127.0.0.1',
    '::8.8.8.8',
    '::ffff:0:127.0.0.1',
  ],
  ['6to4 and Teredo', '2002:7f00:1::', '2002:808:808::1', '2001::1', '2001:0:4136:e378:8000:63bf:3fff:fdd2'],
  ['NAT64', '64:ff9b::7f00:1', '64:ff9b::169.254.169.254', '64:ff9b:1::a00:1'],
  ['with a zone', 'fe80::1%eth0', '2606:4700::1111%1'],
  ['odd forms', '2130706433', '0x7f.0.0.1', '0177.0.0.1', '127.1', '127.0.0.1.', ' 8.8.8.8', ''],
];

describe('addresses', () => {
  it.each(refused)('%s are not public', (_, ...addresses) => {
    expect(addresses.filter(isPublicAddress)).toEqual([]);
  });

  it('of the internet are public', () => {
    const open = [
      '1.1.1.1',
      '8.8.8.8',
      '104.18.7.192',
      '172.32.0.1',
      '100.128.0.1',
      '2606:4700:4700::1111',
      '2a00:1450:4001::5',
    ];
    expect(open.filter((address) => !isPublicAddress(address))).toEqual([]);
  });
});

describe('authorities', () => {
  it.each([
    ['API.OpenAI.com:443', { host: 'api.openai.com', port: 443 }],
    ['api.openai.com.:443', { host: 'api.openai.com', port: 443 }],
    ['[2606:4700::0:1111]:8443', { host: '2606:4700::1111', port: 8443 }],
    ['[::FFFF:127.0.0.1]:1', { host: '::ffff:7f00:1', port: 1 }],
    ['8.8.8.8:53', { host: '8.8.8.8', port: 53 }],
  ])('%s is read in one way', (text, authority) => {
    expect(parseAuthority(text)).toEqual(authority);
  });

  it.each([
    '',
    'host',
    'host:',
    ':443',
    'host:0',
    'host:65536',
    'host:4x',
    'a b:1',
    'host:1:2',
    '[fe80::1%eth0]:443',
    'fe80::1:443',
    '[1.2.3.4]:1',
    '[host]:1',
    'u@host:1',
    'host..:1',
    '-a.b:1',
    'höst:1',
    'http://host:1',
    'host/:1',
    'a..b:1',
    `${'a'.repeat(64)}.b:1`,
  ])('"%s" is none', (text) => {
    expect(parseAuthority(text)).toBeUndefined();
  });

  it('that a resolver may read as a number are odd', () => {
    const odd = [
      '2130706433',
      '0x7f000001',
      '0x7f.1',
      '0177.0.0.1',
      '127.1',
      '127.0.0.0x1',
      '017700000001',
      '256.256.256.256',
      '0x',
    ];
    expect(odd.filter((host) => !isOddAddress(host))).toEqual([]);
    expect(['127.0.0.1', '::1', 'a1.example', '1password.com', '0x.org'].filter(isOddAddress)).toEqual([]);
    expect(normaliseHost('LOCALHOST.')).toBe('localhost');
  });
});

describe('resolving', () => {
  const target = { host: 'name.example', port: 443 };

  it('leaves out what is not public and gives the rest as it was checked', async () => {
    const resolve = async () => ['10.0.0.1', '8.8.8.8', '::1'];
    expect(await checkedAddresses(target, false, resolve)).toEqual(['8.8.8.8']);
    expect(await checkedAddresses(target, true, resolve)).toEqual(['10.0.0.1', '8.8.8.8', '::1']);
  });

  it('refuses a name of private addresses only, and odd numbers unasked', async () => {
    const asked: string[] = [];
    const resolve = async (host: string) => (asked.push(host), ['127.0.0.1']);
    for (const host of ['name.example', '2130706433', '0x7f.1', '127.0.0.1', '::1']) {
      await expect(checkedAddresses({ host, port: 443 }, false, resolve)).rejects.toMatchObject({
        code: 'gate_address_denied',
      });
    }
    expect(asked).toEqual(['name.example']);
  });

  it('says so where a name does not resolve', async () => {
    const fail = async () => Promise.reject(new Error('ENOTFOUND'));
    await expect(checkedAddresses(target, false, fail)).rejects.toMatchObject({
      code: 'gate_resolve_failed',
    });
    await expect(checkedAddresses(target, false, async () => [])).rejects.toMatchObject({
      code: 'gate_resolve_failed',
    });
  });
});
