import { fork, spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { FromCage } from '#protocol/link-messages.ts';
import { openChannel } from '../cage-image/meter/channel.ts';
import { serveLink } from '../cage-image/warden/link/serve-link.ts';
import { CapabilityIssuer } from '../orchestrator/link/capabilities.ts';
import { TestRedis } from '../test/support/redis.ts';
import { freePort } from '../test/support/free-port.ts';
import { median, quantile, report } from './report.ts';

/**
 * A permit from the meter back to the meter: socket pair, warden, link through a gate, limiter, Redis, each a process of its own as in a cage, with caps on all three levels. In turns with
 * bare round trips of the same link. `node bench/permit.ts`
 */
const ROUNDS = 20;
const COUNT = 100;
const CAGE = 'bench';

const folder = await mkdtemp(join(tmpdir(), 'clawcage-bench-'));
const redis = await TestRedis.start();
const port = await freePort();
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const issuer = new CapabilityIssuer({ install: 'bench', privateKey });
const gateSocket = join(folder, 'gate.sock');
const gate = spawn(process.execPath, [pathOf('../cage-image/gate/main.ts')], {
  env: {
    CLAWCAGE_GATE_INSTALL: 'bench',
    CLAWCAGE_GATE_PUBLIC_KEY: Buffer.from(publicKey.export({ type: 'spki', format: 'pem' })).toString(
      'base64',
    ),
    CLAWCAGE_GATE_SOCKET: gateSocket,
    CLAWCAGE_GATE_HOST: '127.0.0.1',
    CLAWCAGE_GATE_PORT: String(port),
  },
  stdio: ['ignore', 'pipe', 'inherit'],
});
await once(gate.stdout, 'data');

const secret = randomBytes(32).toString('base64');
const subject = { cage: CAGE, organisation: 'o', claw: 'c' };
const meter = fork(pathOf('permit/meter.child.ts'), {
  stdio: ['ignore', 'inherit', 'inherit', 'pipe', 'ipc'],
});
const channel = openChannel(meter.stdio[3] as Duplex, {
  onMessage: (value) => link.send(value as FromCage),
  onEnd: () => undefined,
});
const link = serveLink({
  bootstrap: {
    cageId: CAGE,
    linkSecret: secret,
    capability: issuer.link(subject),
    gate: { socket: gateSocket },
  },
  hello: () => ({ cageId: CAGE, meterPublicKey: '', proof: { ok: true, checks: [] } }),
  onMessage: (message) => {
    if (message.type === 'ping') link.send({ type: 'pong', id: message.id });
    if (message.type === 'permit') channel.send(message);
  },
});
const dialling = { socket: redis.socket, port, capability: issuer.controller(subject), secret, cageId: CAGE };
const controller = fork(pathOf('permit/controller.child.ts'), [JSON.stringify(dialling)]);
await once(controller, 'message');

const permits: number[] = [];
const trips: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const ofPermits = await measured(meter, round);
  const ofTrips = await measured(controller, round);
  // The first round warms both up.
  if (round === 0) continue;
  permits.push(...ofPermits);
  trips.push(...ofTrips);
}
report([
  {
    what: 'a permit, from the meter back to the meter',
    ours: median(permits),
    unit: 'ms',
    peer: { name: 'a bare round trip of the link', value: median(trips) },
    note: `99 % ${quantile(permits, 0.99).toFixed(2)} ms; caps on three levels`,
  },
]);

for (const child of [meter, controller, gate]) child.kill('SIGKILL');
await link.close();
await redis.stop();
await rm(folder, { recursive: true });

async function measured(child: ChildProcess, round: number): Promise<number[]> {
  const answer = once(child, 'message');
  child.send({ first: round * COUNT, count: COUNT });
  return ((await answer) as [number[]])[0];
}

function pathOf(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}
