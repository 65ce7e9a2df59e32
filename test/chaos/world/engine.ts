import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { bridgeAddress } from '../../../cli/demo/bridge-address.ts';
import { imageTags } from '../../../ops/image-tags.ts';

const run = promisify(execFile);

/** The engine of a run. */
export interface Engine extends AsyncDisposable {
  readonly docker: Docker;
  /** What the orchestrators need to find it. */
  readonly env: Readonly<Record<string, string>>;
  /** This machine, as the gate reaches it. */
  readonly hostAddress: string;
}

/** The one that is there: not ours to kill. */
export async function machineEngine(): Promise<Engine> {
  const hostAddress = await bridgeAddress(process.env);
  if (hostAddress === undefined) throw new Error('The engine does not tell the address of its host.');
  const env: Record<string, string> = process.env['DOCKER_HOST']
    ? { DOCKER_HOST: process.env['DOCKER_HOST'] }
    : {};
  return { docker: new Docker(), env, hostAddress, async [Symbol.asyncDispose]() {} };
}

const ANSWERS_MS = 60_000;

/**
 * A dockerd of the run's own beside the machine's: own socket, data, state and bridge, and no rules in the machine's firewall. It can be killed and
 * started again. Needs root.
 */
export class OwnEngine implements Engine {
  readonly docker: Docker;
  readonly env: Readonly<Record<string, string>>;
  readonly hostAddress: string;
  readonly #folder: string;
  readonly #bridge: string;
  #daemon: ChildProcess | undefined;

  private constructor(folder: string, bridge: string, hostAddress: string) {
    this.#folder = folder;
    this.#bridge = bridge;
    this.hostAddress = hostAddress;
    this.env = { DOCKER_HOST: `unix://${folder}/docker.sock` };
    this.docker = new Docker({ socketPath: `${folder}/docker.sock` });
  }

  /** Started, with the images of this checkout from the machine's engine. */
  static async start(): Promise<OwnEngine> {
    const part = process.pid % 250;
    const address = `172.29.${part}.1`;
    const engine = new OwnEngine(
      mkdtempSync(join(tmpdir(), 'clawcage-chaos-engine-')),
      `ccchaos${part}`,
      address,
    );
    try {
      await run('ip', ['link', 'add', engine.#bridge, 'type', 'bridge']);
      await run('ip', ['addr', 'add', `${address}/24`, 'dev', engine.#bridge]);
      await run('ip', ['link', 'set', engine.#bridge, 'up']);
      await engine.up(true);
      await engine.#load();
      return engine;
    } catch (error) {
      await engine[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** `liveRestore`: its containers outlive it. */
  async up(liveRestore: boolean): Promise<void> {
    const folder = this.#folder;
    const log = openSync(join(folder, 'dockerd.log'), 'a');
    const places = [
      '-H',
      `unix://${folder}/docker.sock`,
      '--data-root',
      `${folder}/data`,
      '--exec-root',
      `${folder}/exec`,
    ];
    const network = [
      '--bridge',
      this.#bridge,
      '--host-gateway-ip',
      this.hostAddress,
      '--iptables=false',
      '--ip6tables=false',
    ];
    const rest = [
      '--ip-masq=false',
      '--ip-forward=false',
      '--pidfile',
      `${folder}/pid`,
      '--log-level',
      'warn',
    ];
    const args = [...places, ...network, ...rest, ...(liveRestore ? ['--live-restore'] : [])];
    this.#daemon = spawn('dockerd', args, { stdio: ['ignore', log, log] });
    closeSync(log);
    await this.#answers();
  }

  /** SIGTERM stops the containers first, unless they outlive it; SIGKILL stops nothing. */
  async down(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    if (!daemon || daemon.exitCode !== null || daemon.signalCode !== null) return;
    const gone = once(daemon, 'exit');
    daemon.kill(signal);
    await gone;
    // Its containerd dies with it, and may stay a zombie where nobody waits for it: the next one would take that for alive.
    for (const file of ['pid', 'exec/containerd/containerd.pid'])
      rmSync(join(this.#folder, file), { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#daemon) {
      const containers = await this.docker.listContainers({ all: true }).catch(() => []);
      await Promise.all(
        containers.map(({ Id }) =>
          this.docker
            .getContainer(Id)
            .remove({ force: true, v: true })
            .catch(() => undefined),
        ),
      );
      await this.down('SIGTERM');
    }
    // A daemon that was killed leaves those who hold its containers.
    await run('pkill', ['-KILL', '-f', join(this.#folder, 'exec')]).catch(() => undefined);
    await run('ip', ['link', 'del', this.#bridge]).catch(() => undefined);
    await run('umount', ['-l', join(this.#folder, 'data')]).catch(() => undefined);
    // What it had mounted is let go of a moment after it ended.
    for (let tries = 0; tries < 20; tries++) {
      try {
        rmSync(this.#folder, { recursive: true, force: true });
        return;
      } catch {
        await pause(250);
      }
    }
  }

  async #answers(): Promise<void> {
    const end = performance.now() + ANSWERS_MS;
    for (;;) {
      try {
        await this.docker.ping();
        return;
      } catch (error) {
        if (performance.now() > end) throw error;
        await pause(100);
      }
    }
  }

  async #load(): Promise<void> {
    const machine = new Docker();
    const { cage, gate } = imageTags({ baseImage: process.env['CLAWCAGE_BASE_IMAGE'] });
    for (const tag of [cage, gate]) {
      const answer = await this.docker.loadImage(await machine.getImage(tag).get());
      answer.resume();
      await once(answer, 'end');
    }
  }
}
