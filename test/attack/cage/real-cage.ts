import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import Docker from 'dockerode';
import type { Bootstrap } from '#protocol/bootstrap.ts';
import type { FromCage, StartMessage } from '#protocol/link-messages.ts';
import { DEFAULT_RESOURCES } from '#runtime/runtime.ts';
import { KEY_INFO, seal } from '#sealing/seal.ts';
import { Secret } from '#secret/secret.ts';
import { makeImages } from '../../../ops/images.ts';
import { CapabilityIssuer } from '../../../orchestrator/link/capabilities.ts';
import { dialLink, type Link } from '../../../orchestrator/link/dial-link.ts';
import { DockerRuntime } from '../../../orchestrator/runtimes/docker/index.ts';
import { cageOptions, type CreateOptions } from '../../../orchestrator/runtimes/docker/spec.ts';
import { removeInstall } from '../../support/docker.ts';
import { plainClaw, plainInput } from '../../support/task-start.ts';

export type Result = Extract<FromCage, { type: 'result' }>;

/** Changes what the engine is told of a cage, to see that the cage notices. */
export type Weaken = (options: CreateOptions) => void;

/** An installation with a gate of its own on the real engine, for cages of the real image or of one derived from it. */
export class CageYard implements AsyncDisposable {
  readonly install = `test-${randomBytes(5).toString('hex')}`;
  readonly docker = new Docker();
  readonly issuer: CapabilityIssuer;
  readonly runtime: DockerRuntime;
  readonly image: string;
  readonly #derived: string[] = [];

  private constructor(images: { cage: string; gate: string }) {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const gatePublicKeyPem = publicKey.export({ type: 'spki', format: 'pem' }) as string;
    this.issuer = new CapabilityIssuer({ install: this.install, privateKey });
    this.image = images.cage;
    this.runtime = new DockerRuntime({ install: this.install, images, gatePublicKeyPem, gateAllowHosts: [] });
  }

  static async open(): Promise<CageYard> {
    const yard = new CageYard(await makeImages(() => undefined));
    await yard.runtime.prepare();
    return yard;
  }

  /** An image that is the cage's but for one command of root. */
  derive(command: string): string {
    const tag = `${this.install}-${this.#derived.length}`;
    const dockerfile = `FROM ${this.image}\nUSER root\nRUN ${command}\nUSER 10001:10001\n`;
    execFileSync('docker', ['build', '-q', '-t', tag, '-'], { input: dockerfile });
    this.#derived.push(tag);
    return tag;
  }

  /** A cage with the link up. */
  async cage(image = this.image, weaken: Weaken = () => undefined): Promise<RealCage> {
    const cageId = randomUUID();
    const linkSecret = randomBytes(32);
    const subject = { cage: cageId, organisation: 'o', claw: 'c' };
    const bootstrap: Bootstrap = {
      version: 1,
      cageId,
      linkSecret: linkSecret.toString('base64'),
      capability: this.issuer.link(subject),
      gate: this.runtime.gate().cage,
      orphanMs: 60_000,
    };
    const options = cageOptions({ cageId, image, resources: DEFAULT_RESOURCES }, this.install);
    weaken(options);
    const container = await this.docker.createContainer(options);
    const stdin = await container.attach({ stream: true, stdin: true, hijack: true });
    await container.start();
    stdin.end(`${JSON.stringify(bootstrap)}\n`);
    const cage = new RealCage(container, cageId);
    const capability = this.issuer.controller(subject);
    const gate = this.runtime.gate().controller;
    await cage.connect({ gate, capability, linkSecret: new Secret(linkSecret) });
    return cage;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.runtime.close();
    await removeInstall(this.docker, this.install);
    for (const tag of this.#derived) await this.docker.getImage(tag).remove({ force: true });
  }
}

export class RealCage {
  readonly container: Docker.Container;
  readonly #cageId: string;
  readonly #result = Promise.withResolvers<Result>();
  link!: Link;

  constructor(container: Docker.Container, cageId: string) {
    this.container = container;
    this.#cageId = cageId;
  }

  async connect(
    to: Pick<Parameters<typeof dialLink>[0], 'gate' | 'capability' | 'linkSecret'>,
  ): Promise<void> {
    this.link = await dialLink({
      ...to,
      cageId: this.#cageId,
      epoch: 1,
      lastSeq: 0,
      onMessage: (message) => {
        if (message.type === 'result') this.#result.resolve(message);
        return Promise.resolve();
      },
      signal: AbortSignal.timeout(20_000),
    });
  }

  get failedChecks(): string[] {
    return this.link.hello.proof.checks.filter((check) => !check.ok).map((check) => check.name);
  }

  /** Runs a command as the agent while the meter holds `key`. */
  async runAgent(command: string[], key: string): Promise<Result> {
    const start: StartMessage = {
      type: 'start',
      taskId: 'task',
      epoch: 1,
      deadlineMs: 60_000,
      input: plainInput('task'),
      claw: plainClaw({ command }),
      caps: { permitWaitMs: 1_000 },
      provider: { baseUrl: 'https://api.openai.com/v1', capability: 'none' },
      sealedKey: await seal(this.link.hello.meterPublicKey, Buffer.from(key), KEY_INFO, 'task:1'),
    };
    this.link.send(start);
    return this.#result.promise;
  }

  /** Ends the cage and waits until the container has exited; gives its exit code. */
  async end(): Promise<number> {
    this.link.send({ type: 'end' });
    const { StatusCode } = (await this.container.wait()) as { StatusCode: number };
    await this.link.close();
    return StatusCode;
  }

  async remove(): Promise<void> {
    await this.link.close();
    await this.container.remove({ force: true, v: true });
  }
}

/** Resolves with the exit code of a cage that got `input` on stdin, or nothing. */
export async function exitCodeAfter(yard: CageYard, input: string | undefined): Promise<number> {
  const options = cageOptions(
    { cageId: randomUUID(), image: yard.image, resources: DEFAULT_RESOURCES },
    yard.install,
  );
  const container = await yard.docker.createContainer(options);
  const stdin = await container.attach({ stream: true, stdin: true, hijack: true });
  await container.start();
  if (input !== undefined) {
    stdin.end(input);
    await once(stdin, 'finish');
  }
  const { StatusCode } = (await container.wait()) as { StatusCode: number };
  return StatusCode;
}
