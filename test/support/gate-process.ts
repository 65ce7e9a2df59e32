import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { CapabilityIssuer } from '../../orchestrator/link/capabilities.ts';
import { freePort } from './free-port.ts';

/** The gate as a process of its own, which can be killed and started again on the same socket and port. */
export class GateProcess implements AsyncDisposable {
  readonly issuer: CapabilityIssuer;
  readonly socket: { readonly socket: string };
  readonly tcp: { readonly host: string; readonly port: number };
  readonly #folder: string;
  readonly #env: Record<string, string>;
  #child: ChildProcess | undefined;

  private constructor(folder: string, port: number) {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    this.issuer = new CapabilityIssuer({ install: 'test', privateKey });
    this.socket = { socket: join(folder, 'gate.sock') };
    this.tcp = { host: '127.0.0.1', port };
    this.#folder = folder;
    this.#env = {
      CLAWCAGE_GATE_INSTALL: 'test',
      CLAWCAGE_GATE_PUBLIC_KEY: Buffer.from(pem).toString('base64'),
      CLAWCAGE_GATE_SOCKET: this.socket.socket,
      CLAWCAGE_GATE_HOST: '127.0.0.1',
      CLAWCAGE_GATE_PORT: String(port),
    };
  }

  static async start(): Promise<GateProcess> {
    const gate = new GateProcess(await mkdtemp(join(tmpdir(), 'clawcage-gate-')), await freePort());
    await gate.start();
    return gate;
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, ['cage-image/gate/main.ts'], {
      env: this.#env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    await once(createInterface(child.stdout), 'line');
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const exit = once(child, 'exit');
    child.kill(signal);
    const [code] = await exit;
    return code as number | null;
  }

  /** Freezes the process, or lets it go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL');
    await rm(this.#folder, { recursive: true, force: true });
  }
}
