import { spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Secret } from '#secret/secret.ts';
import { serveLink } from '../cage-image/warden/link/serve-link.ts';
import { CapabilityIssuer } from '../orchestrator/link/capabilities.ts';
import { dialLink } from '../orchestrator/link/dial-link.ts';
import { median, quantile, report } from './report.ts';

// link.ts - round trips of a ping over the whole link (TLS, frames, acknowledgements) through a gate in its own process.

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5000' } }, strict: false });
const rounds = Number(values.rounds);

const PORT = 41_811;
const folder = await mkdtemp(join(tmpdir(), 'clawcage-bench-'));
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
const gate = {
  issuer: new CapabilityIssuer({ install: 'bench', privateKey }),
  socket: { socket: join(folder, 'gate.sock') },
  tcp: { host: '127.0.0.1', port: PORT },
};
const child = spawn(
  process.execPath,
  [fileURLToPath(new URL('../cage-image/gate/main.ts', import.meta.url))],
  {
    env: {
      CLAWCAGE_GATE_INSTALL: 'bench',
      CLAWCAGE_GATE_PUBLIC_KEY: Buffer.from(pem).toString('base64'),
      CLAWCAGE_GATE_SOCKET: gate.socket.socket,
      CLAWCAGE_GATE_HOST: gate.tcp.host,
      CLAWCAGE_GATE_PORT: String(PORT),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  },
);
await once(child.stdout, 'data');

const cageId = 'bench';
const secret = randomBytes(32);
const subject = { cage: cageId, organisation: 'o', claw: 'c' };
let heard: () => void = () => undefined;

const cage = serveLink({
  bootstrap: {
    cageId,
    linkSecret: secret.toString('base64'),
    capability: gate.issuer.link(subject),
    gate: gate.socket,
  },
  hello: () => ({ cageId, meterPublicKey: '', proof: { ok: true, checks: [] } }),
  onMessage: (message) => {
    if (message.type === 'ping') cage.send({ type: 'pong', id: message.id });
  },
});

const dial = async (epoch: number) =>
  dialLink({
    gate: gate.tcp,
    capability: () => gate.issuer.controller(subject),
    linkSecret: new Secret(Buffer.from(secret)),
    cageId,
    epoch,
    lastSeq: 0,
    onMessage: async () => heard(),
  });

const connects: number[] = [];
for (let epoch = 1; epoch <= 20; epoch++) {
  const began = performance.now();
  const link = await dial(epoch);
  connects.push(performance.now() - began);
  await link.close();
}

const link = await dial(21);
const trips: number[] = [];
for (let id = 0; id < rounds; id++) {
  const began = performance.now();
  const answered = new Promise<void>((resolve) => (heard = resolve));
  link.send({ type: 'ping', id });
  await answered;
  trips.push(performance.now() - began);
}

report([
  { what: 'connect and hello', ours: median(connects), unit: 'ms' },
  {
    what: 'round trip',
    ours: median(trips),
    unit: 'ms',
    note: `99 % ${quantile(trips, 0.99).toFixed(2)} ms`,
  },
]);
await link.close();
await cage.close();
child.kill('SIGTERM');
await once(child, 'exit');
await rm(folder, { recursive: true });
