import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CageYard, type RealCage } from '../../attack/cage/real-cage.ts';
import { toolsImage } from '../../support/images.ts';
import { HOST, startPackageServers, type PackageServers } from './package-servers.ts';

let servers: PackageServers;
let yard: CageYard;
let cage: RealCage;
let epoch = 0;
beforeAll(async () => {
  servers = await startPackageServers();
  yard = await CageYard.open([`${HOST}:${servers.port}`]);
  cage = await yard.cage(await yard.runtime.layOver(await toolsImage()));
});
afterAll(async () => {
  await cage?.remove();
  await yard?.[Symbol.asyncDispose]();
  await servers?.[Symbol.asyncDispose]();
});

/** Runs a script as the agent of a Claw with that egress list: all that it prints, and what its proxy refused. */
async function run(script: string, egress: string[]): Promise<{ output: string; refused: string[] }> {
  if (epoch++ > 0) await cage.reset();
  const from = cage.said.length;
  const result = await cage.runAgent(['/bin/bash', '-c', `exec 2>&1; ${script}; true`], 'sk-test', {
    claw: { egress },
    ca: servers.caPem,
    epoch,
  });
  expect(result.state).toBe('succeeded');
  const events = cage.said
    .slice(from)
    .flatMap((message) => (message.type === 'event' ? [message.event] : []));
  return {
    output: result.answer!,
    refused: events.flatMap((event) => (event.kind === 'log' ? [event.text] : [])),
  };
}

const at = (path: string): string => `https://${HOST}:${servers.port}${path}`;
const TOOLS: [string, (path: (path: string) => string) => string, RegExp][] = [
  ['curl', (path) => `curl -sS ${path('/hello.txt')}`, /^hello from outside$/m],
  ['git', (path) => `git clone -q ${path('/repo.git')} cloned && cat cloned/README`, /^cloned$/m],
  [
    'npm',
    (path) =>
      `npm install --no-audit --no-fund --no-update-notifier --fetch-retries 0 --registry ${path('/npm/')} tiny-words && node -p 'require("tiny-words")'`,
    /^from npm$/m,
  ],
  [
    'pip',
    (path) =>
      `pip install --disable-pip-version-check --retries 1 --target site --index-url ${path('/simple/')} tiny-words && PYTHONPATH=site python3 -c 'import tiny_words; print(tiny_words.WORDS)'`,
    /^from pip$/m,
  ],
  [
    'Node’s fetch',
    (path) => `node -e 'fetch("${path('/hello.txt')}").then(async (r) => console.log(await r.text()))'`,
    /^hello from outside$/m,
  ],
];

describe('a host on the egress list is reached, unmodified, by', () => {
  test.each(TOOLS)('%s', async (_, script, expected) => {
    const { output, refused } = await run(script(at), [`${HOST}:${servers.port}`]);
    expect(output).toMatch(expected);
    expect(refused).toEqual([]);
  });
});

test('a host that is not on it is refused, and what would have to be added is told', async () => {
  const script = TOOLS.map(([, of]) => of(at)).join('; echo; ') + `; curl -sv ${at('/')}; echo end`;
  const before = servers.requests.length;
  const { output, refused } = await run(script, ['elsewhere.example']);
  const text = `gate_target_denied: ${HOST}:${servers.port} is not on the egress list of the Claw. Add "${HOST}:${servers.port}" to the Claw's egress list: clawcage claws update tester --egress ${HOST}:${servers.port}`;
  expect(servers.requests.length).toBe(before);
  expect(refused).toEqual([text]);
  expect(output).toContain(`< HTTP/1.1 403 ${text}`);
  expect(output).toContain(`npm error 403 403 ${text}`);
  // Python quotes it, and escapes the apostrophe.
  expect(output).toContain(`Tunnel connection failed: 403 ${text.split("'")[0]}`);
  expect(output.match(/CONNECT tunnel failed, response 403/g)).toHaveLength(3);
  expect(output).not.toMatch(/hello from outside|from npm|from pip|^cloned$/m);
});
