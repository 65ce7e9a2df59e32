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

  private constructor(images: { cage: string; gate: string }, gateAllowHosts: readonly string[]) {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const gatePublicKeyPem = publicKey.export({ type: 'spki', format: 'pem' }) as string;
    this.issuer = new CapabilityIssuer({ install: this.install, privateKey });
    this.image = images.cage;
    this.runtime = new DockerRuntime({ install: this.install, images, gatePublicKeyPem, gateAllowHosts });
  }

  static async open(gateAllowHosts: readonly string[] = []): Promise<CageYard> {
    const yard = new CageYard(await makeImages(() => undefined), gateAllowHosts);
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
    const cage = new RealCage(container, cageId, this.issuer);
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

export interface AgentOptions {
  readonly claw?: Partial<StartMessage['claw']>;
  readonly input?: Partial<StartMessage['input']>;
  readonly ca?: string;
  readonly epoch?: number;
  readonly baseUrl?: string;
}

type Said<T extends FromCage['type']> = Extract<FromCage, { type: T }>;

export class RealCage {
  readonly container: Docker.Container;
  readonly said: FromCage[] = [];
  readonly #cageId: string;
  readonly #issuer: CapabilityIssuer;
  #waiting: (() => void)[] = [];
  link!: Link;

  constructor(container: Docker.Container, cageId: string, issuer: CapabilityIssuer) {
    this.container = container;
    this.#cageId = cageId;
    this.#issuer = issuer;
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
        this.said.push(message);
        for (const wake of this.#waiting.splice(0)) wake();
        return Promise.resolve();
      },
      signal: AbortSignal.timeout(60_000),
    });
  }

  get failedChecks(): string[] {
    return this.link.hello.proof.checks.filter((check) => !check.ok).map((check) => check.name);
  }

  get meterPublicKey(): string {
    return this.all('ready').at(-1)?.meterPublicKey ?? this.link.hello.meterPublicKey;
  }

  all<T extends FromCage['type']>(type: T): Said<T>[] {
    return this.said.filter((message): message is Said<T> => message.type === type);
  }

  async until<T extends FromCage['type']>(type: T, count = 1): Promise<Said<T>> {
    while (this.all(type).length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.all(type)[count - 1]!;
  }

  /** Runs a command as the agent while the meter holds `key`. */
  async runAgent(command: string[], key: string, options: AgentOptions = {}): Promise<Result> {
    const { epoch = 1, claw, input, ca, baseUrl = 'https://api.openai.com/v1' } = options;
    const earlier = this.all('result').length;
    const egress = claw?.egress ?? [];
    const subject = { cage: this.#cageId, organisation: 'o', claw: 'c' };
    const start: StartMessage = {
      type: 'start',
      taskId: 'task',
      epoch,
      deadlineMs: 120_000,
      input: { ...plainInput('task'), ...input },
      claw: plainClaw({ command, ...claw }),
      caps: { permitWaitMs: 1_000 },
      provider: { baseUrl, capability: 'none' },
      sealedKey: await seal(this.meterPublicKey, Buffer.from(key), KEY_INFO, `task:${epoch}`),
      ...(egress.length > 0 && {
        agentCapability: this.#issuer.agent({ ...subject, egress, lifeMs: 120_000 }),
      }),
      ...(ca !== undefined && { ca }),
    };
    this.link.send(start);
    return this.until('result', earlier + 1);
  }

  /** As good as new: resolves when its new meter is proven. */
  async reset(): Promise<Said<'ready'>> {
    const earlier = this.all('ready').length;
    this.link.send({ type: 'reset' });
    return this.until('ready', earlier + 1);
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
