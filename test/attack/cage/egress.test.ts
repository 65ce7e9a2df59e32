import { afterAll, beforeAll, expect, test } from 'vitest';
import { HOST, startPackageServers, type PackageServers } from '../../integration/egress/package-servers.ts';
import { CageYard, type RealCage } from './real-cage.ts';

let servers: PackageServers;
let yard: CageYard;
let cage: RealCage;
beforeAll(async () => {
  servers = await startPackageServers();
  yard = await CageYard.open([`${HOST}:${servers.port}`]);
  cage = await yard.cage();
});
afterAll(async () => {
  await cage?.remove();
  await yard?.[Symbol.asyncDispose]();
  await servers?.[Symbol.asyncDispose]();
});

/** Of each way out: how curl is told to go it, and what it shall meet. `HOST:PORT` stands for the one server there is. */
const WAYS: [string, string, RegExp][] = [
  ['another host', 'https://example.com/', /403 gate_target_denied/],
  ['another port of the host', `https://${HOST}:1/`, /403 gate_target_denied/],
  ['a name behind a dot', `https://x.${HOST}:PORT/`, /403 gate_target_denied/],
  ['the host under another name', `-k --connect-to evil.test:443:${HOST}:PORT https://evil.test/`, /exit 35/],
  ['the host without a name', `-k --connect-to 192.0.2.1:443:${HOST}:PORT https://192.0.2.1/`, /exit 35/],
  ['no TLS in a tunnel', `-p http://${HOST}:PORT/hello.txt`, /exit (?:52|56)/],
  ['no TLS by a plain request', `http://${HOST}:PORT/hello.txt`, /gate_target_denied: .* for TLS only/],
  ['the provider', 'https://api.openai.com/v1/models', /403 egress_provider_host/],
  ['metadata', 'http://169.254.169.254/latest/meta-data/', /gate_target_denied/],
  ['metadata that is on the list', 'https://169.254.169.253/', /403 gate_address_denied/],
  ['metadata as mapped IPv6', 'https://[::ffff:169.254.169.254]/', /403 gate_target_denied/],
  ['mapped loopback that is on the list', 'https://[::ffff:127.0.0.1]:PORT/', /403 gate_address_denied/],
  ['loopback of the gate as a number', '--noproxy "" https://2130706433:PORT/', /403 gate_address_denied/],
  ['loopback of the gate by name', '--noproxy "" https://localhost:PORT/', /403 gate_address_denied/],
  ['IPv6 loopback', '--noproxy "" https://[::1]:PORT/', /403 gate_address_denied/],
  ['NAT64 of metadata', 'https://[64:ff9b::a9fe:a9fe]/', /403 gate_address_denied/],
  ['a private network', 'https://10.0.0.1/', /403 gate_address_denied/],
  ['plain HTTP to a private network', 'http://192.168.0.1/', /gate_address_denied/],
  ['no proxy at all', `--noproxy "*" https://${HOST}:PORT/hello.txt`, /exit [67]/],
  [
    'the gate without a capability',
    '--noproxy "*" --unix-socket /run/gate/gate.sock http://gate/metrics',
    /not_found/,
  ],
];
const LIST = [
  `${HOST}:PORT`,
  '169.254.169.253',
  '[::ffff:127.0.0.1]:PORT',
  '2130706433:PORT',
  'localhost:PORT',
  '[::1]:PORT',
  '[64:ff9b::a9fe:a9fe]',
  '10.0.0.1',
  'http://192.168.0.1',
];

test('whatever way an agent tries, it gets to no address but those on the list', async () => {
  const withPort = (text: string): string => text.replaceAll('PORT', String(servers.port));
  const script = [`https://${HOST}:PORT/hello.txt`, ...WAYS.map(([, way]) => way)].map(
    (way, at) => `echo "== ${at}"; curl -sv -m 20 ${way} 2>&1; echo "exit $?"`,
  );
  const result = await cage.runAgent(['/bin/bash', '-c', withPort(script.join('\n'))], 'sk-test', {
    claw: { egress: LIST.map(withPort) },
    ca: servers.caPem,
  });
  const [, good, ...rest] = result.answer!.split(/^== \d+\n/m);
  expect(good).toContain('hello from outside');
  expect(rest).toHaveLength(WAYS.length);
  const missed = WAYS.filter(([, , expected], at) => !expected.test(rest[at] ?? ''));
  expect(missed.map(([name], at) => [name, rest[WAYS.indexOf(missed[at]!)]])).toEqual([]);
  expect(rest.join('')).not.toContain('hello from outside');
  expect(servers.requests).toEqual(['/hello.txt']);
});
