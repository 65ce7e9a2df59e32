import { plainClaw, plainInput } from '../test/support/task-start.ts';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import Docker from 'dockerode';
import type { Bootstrap } from '#protocol/bootstrap.ts';
import { type CapabilityClaims, signCapability } from '#protocol/capability.ts';
import type { StartMessage } from '#protocol/link-messages.ts';
import { KEY_INFO, seal } from '#sealing/seal.ts';
import { DEFAULT_RESOURCES } from '#runtime/runtime.ts';
import { Secret } from '#secret/secret.ts';
import { imageTags } from '../ops/image-tags.ts';
import { dialLink } from '../orchestrator/link/dial-link.ts';
import { DockerRuntime } from '../orchestrator/runtimes/docker/index.ts';
import { median, quantile, report } from './report.ts';

/**
 * Starts of an attempt against a bare create and start of the same image without a network, in turns in the same run, so that both meet the
 * same engine. Cold: from nothing until the agent's process runs; warm: from the key that is to be sealed to a waiting cage until then.
 *
 *     node bench/cage-start.ts [--rounds 15] [--cage IMAGE] [--gate IMAGE]
 */
const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '15' }, cage: { type: 'string' }, gate: { type: 'string' } },
  strict: false,
});
const tags = imageTags();
const images = { cage: String(values.cage ?? tags.cage), gate: String(values.gate ?? tags.gate) };
const install = `bench-${randomBytes(4).toString('hex')}`;
const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const docker = new Docker();
const runtime = new DockerRuntime({
  install,
  images,
  gatePublicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }) as string,
  gateAllowHosts: [],
});

const bare: number[] = [];
const running: number[] = [];
const hello: number[] = [];
const cold: number[] = [];
const warm: number[] = [];
try {
  await runtime.prepare();
  // The first of each warms the engine's caches and does not count.
  for (let round = 0; round <= Number(values.rounds); round++) {
    const [bareMs, caged] = [await bareStart(), await cagedStart(`c${round}`)];
    if (round === 0) continue;
    bare.push(bareMs);
    running.push(caged.runningMs);
    hello.push(caged.helloMs);
    cold.push(caged.startedMs);
    warm.push(caged.startedMs - caged.helloMs);
  }
  const peer = { name: 'bare create + start', value: median(bare) };
  report(
    [
      { what: 'cage running', ours: running },
      { what: 'cage said hello', ours: hello },
      { what: 'cold start of the agent', ours: cold },
      { what: 'warm start of the agent', ours: warm },
    ].map(({ what, ours }) => ({
      what,
      ours: median(ours),
      unit: 'ms',
      peer,
      note: `p90 ${quantile(ours, 0.9).toFixed(0)} ms`,
    })),
  );
} finally {
  for (const { cageId } of await runtime.list()) await runtime.destroy(cageId);
  await runtime.teardown();
  await runtime.close();
}

async function bareStart(): Promise<number> {
  const start = performance.now();
  const container = await docker.createContainer({
    Image: images.cage,
    OpenStdin: true,
    Labels: { 'clawcage.install': install },
    HostConfig: { NetworkMode: 'none' },
  });
  try {
    await container.start();
    return performance.now() - start;
  } finally {
    await container.remove({ force: true });
  }
}

async function cagedStart(
  cageId: string,
): Promise<{ runningMs: number; helloMs: number; startedMs: number }> {
  const linkSecret = randomBytes(32);
  const { controller, cage: gate } = runtime.gate();
  const bootstrap: Bootstrap = {
    version: 1,
    cageId,
    linkSecret: linkSecret.toString('base64'),
    capability: capability(cageId, 'link'),
    gate,
    orphanMs: 120_000,
  };
  const start = performance.now();
  await runtime.create(
    { cageId, image: images.cage, resources: DEFAULT_RESOURCES },
    Buffer.from(JSON.stringify(bootstrap)),
  );
  const runningMs = performance.now() - start;
  const agentRuns = Promise.withResolvers<void>();
  try {
    const link = await dialLink({
      gate: controller,
      capability: capability(cageId, 'controller'),
      linkSecret: new Secret(linkSecret),
      cageId,
      epoch: 1,
      lastSeq: 0,
      onMessage: async (message) => {
        if (message.type === 'started') agentRuns.resolve();
        if (message.type === 'result') agentRuns.reject(new Error(`the cage failed: ${message.error?.code}`));
      },
      signal: AbortSignal.timeout(30_000),
    });
    const helloMs = performance.now() - start;
    link.send(await startOf(cageId, link.hello.meterPublicKey));
    await agentRuns.promise;
    const startedMs = performance.now() - start;
    await link.close();
    return { runningMs, helloMs, startedMs };
  } finally {
    await runtime.destroy(cageId);
  }
}

/** A task whose model calls go nowhere: what counts is how soon it begins. */
async function startOf(cageId: string, meterPublicKey: string): Promise<StartMessage> {
  const key = Secret.fromText('sk-bench-0123456789');
  return {
    type: 'start',
    taskId: cageId,
    epoch: 1,
    deadlineMs: 60_000,
    input: plainInput('nothing'),
    claw: plainClaw(),
    caps: { permitWaitMs: 1000 },
    provider: { baseUrl: 'https://provider.invalid/v1', capability: capability(cageId, 'meter') },
    sealedKey: await seal(meterPublicKey, key, KEY_INFO, `${cageId}:1`),
  };
}

function capability(cage: string, role: CapabilityClaims['role']): string {
  const expires = Math.floor(Date.now() / 1000) + 600;
  const claims: CapabilityClaims = {
    version: 1,
    install,
    cage,
    role,
    targets: [],
    organisation: 'bench',
    claw: 'bench',
    expires,
    tunnelMs: 600_000,
  };
  return signCapability(claims, privateKey);
}
