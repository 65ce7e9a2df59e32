import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GateAddress } from '#protocol/bootstrap.ts';
import { buildGate, type Gate } from '../../cage-image/gate/app.ts';
import { DEFAULT_GATE_LIMITS, type GateLimits } from '../../cage-image/gate/limits.ts';
import type { Resolver } from '../../cage-image/gate/resolve.ts';
import { CapabilityIssuer } from '../../orchestrator/link/capabilities.ts';

export interface TestGate extends AsyncDisposable {
  readonly install: string;
  readonly keys: { readonly privateKey: KeyObject; readonly publicKey: KeyObject };
  readonly issuer: CapabilityIssuer;
  readonly socket: { readonly socket: string };
  readonly tcp: GateAddress & { readonly port: number };
  readonly gate: Gate;
}

export interface TestGateOptions {
  readonly allowHosts?: readonly string[];
  readonly limits?: Partial<GateLimits>;
  readonly resolve?: Resolver;
}

/** A gate in this process, on a socket and a loopback port of its own, with a key pair of its own. */
export async function startGate(options: TestGateOptions = {}): Promise<TestGate> {
  const install = 'test';
  const keys = generateKeyPairSync('ed25519');
  const folder = await mkdtemp(join(tmpdir(), 'clawcage-gate-'));
  const socketPath = join(folder, 'gate.sock');
  const gate = buildGate(
    {
      install,
      publicKey: keys.publicKey,
      allowHosts: new Set(options.allowHosts ?? []),
      socketPath,
      host: '127.0.0.1',
      port: 0,
      limits: { ...DEFAULT_GATE_LIMITS, ...options.limits },
    },
    options.resolve,
  );
  const { port } = await gate.listen();
  return {
    install,
    keys,
    issuer: new CapabilityIssuer({ install, privateKey: keys.privateKey }),
    socket: { socket: socketPath },
    tcp: { host: '127.0.0.1', port },
    gate,
    [Symbol.asyncDispose]: async () => {
      await gate.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
