import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { TestService } from '../test/support/service.ts';
import { startLiteLlm, startPortkey, type Peer } from './calls/peers.ts';
import { median, report, type Row } from './report.ts';

/**
 * The same calls to the same simulated provider over TLS, in turns in one run: directly; from a cage through meter, permit and gate, with caps; through LiteLLM
 * and Portkey, without caps.
 *
 *     node bench/calls.ts [--calls 200] [--rounds 3]
 */
const { values } = parseArgs({
  options: { calls: { type: 'string', default: '200' }, rounds: { type: 'string', default: '3' } },
  strict: false,
});
const calls = Number(values.calls);
const CLIENT = fileURLToPath(new URL('calls/client.mjs', import.meta.url));
const IN_FLIGHT = 16;

interface Measured {
  readonly each: number[];
  readonly perSecond: number[];
}
type Way = { readonly name: string; run(): Promise<{ each: number[]; perSecond: number }> };

const folder = mkdtempSync(join(tmpdir(), 'clawcage-bench-'));
await using service = await TestService.start();
const caFile = join(folder, 'ca.pem');
writeFileSync(caFile, service.provider.caPem);
const provider = { url: service.provider.url, key: service.provider.key, caFile };
await service.claw('bench', {
  agent: { command: ['node', '/work/in/client.mjs', '/work/in/settings.json'] },
  requestsPerMinute: 1_000_000,
  tokensPerMinute: 1_000_000_000,
});
await using litellm = await startLiteLlm(provider);
await using portkey = await startPortkey(provider);

const ways: Way[] = [
  { name: 'direct', run: () => onHost({ baseUrl: provider.url, key: provider.key, headers: {} }) },
  { name: 'caged', run: inCage },
  { name: litellm.name, run: () => onHost(litellm) },
  { name: portkey.name, run: () => onHost(portkey) },
];
const measured = new Map<string, Measured>(ways.map(({ name }) => [name, { each: [], perSecond: [] }]));
for (let round = 0; round < Number(values.rounds); round++) {
  for (const { name, run } of ways) {
    const { each, perSecond } = await run();
    measured.get(name)!.each.push(...each);
    measured.get(name)!.perSecond.push(perSecond);
  }
}
rmSync(folder, { recursive: true });

const rows: Row[] = [];
const latency = (name: string): number => median(measured.get(name)!.each);
const rate = (name: string): number => median(measured.get(name)!.perSecond);
for (const peer of ['direct', litellm.name, portkey.name]) {
  rows.push({
    what: 'a call through meter, permit and gate',
    ours: latency('caged'),
    unit: 'ms',
    peer: {
      name: peer === 'direct' ? 'a direct call' : `the same call through ${peer}`,
      value: latency(peer),
    },
  });
}
for (const peer of ['direct', litellm.name, portkey.name]) {
  rows.push({
    what: `calls a second, ${IN_FLIGHT} in flight`,
    ours: rate('caged'),
    unit: '/s',
    peer: { name: peer === 'direct' ? 'direct calls' : peer, value: rate(peer) },
  });
}
report(rows);

function settings(headers: Record<string, string>): string {
  return JSON.stringify({ calls, inFlight: IN_FLIGHT, headers });
}

async function onHost({ baseUrl, key, headers }: Pick<Peer, 'baseUrl' | 'key' | 'headers'>) {
  const file = join(folder, 'settings.json');
  writeFileSync(file, settings(headers));
  const { stdout } = await promisify(execFile)(process.execPath, [CLIENT, file], {
    env: { OPENAI_BASE_URL: baseUrl, OPENAI_API_KEY: key, NODE_EXTRA_CA_CERTS: caFile },
    maxBuffer: 16 * 1024 * 1024,
  });
  return JSON.parse(stdout) as { each: number[]; perSecond: number };
}

async function inCage() {
  const file = (name: string, content: string | Buffer) => ({
    name,
    data: Buffer.from(content).toString('base64'),
  });
  const { answer, task } = await service.run('bench', {
    text: 'bench',
    files: [file('client.mjs', readFileSync(CLIENT)), file('settings.json', settings({}))],
  });
  if (answer === null) throw new Error(`The task ended as ${task.state}: ${JSON.stringify(task.error)}`);
  return JSON.parse(answer) as { each: number[]; perSecond: number };
}
