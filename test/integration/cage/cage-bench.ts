import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AgentEvent, FromCage, Proof, StartMessage, ToCage } from '#protocol/link-messages.ts';
import { KEY_INFO, seal } from '#sealing/seal.ts';
import { Secret } from '#secret/secret.ts';
import type { CagePaths } from '../../../cage-image/paths.ts';
import { serveLink } from '../../../cage-image/warden/link/serve-link.ts';
import { Warden } from '../../../cage-image/warden/warden.ts';
import { dialLink, type Link } from '../../../orchestrator/link/dial-link.ts';
import type { MeterBench } from './meter-bench.ts';
import { plainClaw, plainInput } from '../../support/task-start.ts';

type Said<T extends FromCage['type']> = Extract<FromCage, { type: T }>;
type PermitRequest = Said<'permit_request'>;

const entry = (process: string): string =>
  fileURLToPath(new URL(`../../../cage-image/${process}/main.ts`, import.meta.url));

const checkoutPaths = (work: string, agentEntry = entry('agent')): CagePaths => ({
  tini: '/nowhere/tini',
  protectedNode: process.execPath,
  agentNode: process.execPath,
  probeShell: '/bin/sh',
  meterEntry: entry('meter'),
  agentEntry,
  installation: '/nowhere',
  compileCache: undefined,
  work,
  run: join(work, '..', 'run'),
  scratch: [join(work, '..', 'tmp')],
  searchPath: '/usr/bin:/bin',
});

export interface CageOptions {
  readonly orphanMs?: number;
  readonly proof?: Proof;
  readonly pulseMs?: number;
  /** In place of the built-in agent's. */
  readonly agentEntry?: string;
}

/** The warden in this process with a real meter, a real agent and a real link, but without a container around them. */
export class CageUnderTest implements AsyncDisposable {
  readonly cageId = randomUUID();
  readonly #folder = mkdtempSync(join(tmpdir(), 'clawcage-cage-'));
  readonly work = join(this.#folder, 'work');
  readonly tmp = join(this.#folder, 'tmp');
  readonly said: FromCage[] = [];
  readonly exited: Promise<number>;
  /** Whether a permit is given; unset: always. */
  permit: (request: PermitRequest) => boolean = () => true;
  readonly #bench: MeterBench;
  readonly #warden: Warden;
  readonly #linkSecret = randomBytes(32);
  #link: Link | undefined;
  #waiting: (() => void)[] = [];

  constructor(bench: MeterBench, options: CageOptions = {}) {
    const { issuer, socket: gate } = bench.gate;
    for (const folder of [this.work, this.tmp, join(this.#folder, 'run')]) mkdirSync(folder);
    this.#bench = bench;
    const capability = issuer.link({ cage: this.cageId, organisation: 'o', claw: 'c' });
    const { orphanMs = 60_000, proof = { ok: true, checks: [] }, pulseMs = 5_000, agentEntry } = options;
    const linkSecret = this.#linkSecret.toString('base64');
    this.#warden = new Warden({
      bootstrap: { version: 1, cageId: this.cageId, linkSecret, capability, gate, orphanMs, pulseMs },
      paths: checkoutPaths(this.work, agentEntry),
      ownsProcesses: false,
      prove: () => Promise.resolve(proof),
      serveLink,
    });
    this.exited = this.#warden.run();
  }

  async connect(epoch = 1, lastSeq = 0): Promise<Link> {
    const { issuer, socket: gate } = this.#bench.gate;
    this.#link = await dialLink({
      gate,
      capability: issuer.controller({ cage: this.cageId, organisation: 'o', claw: 'c' }),
      linkSecret: new Secret(Buffer.from(this.#linkSecret)),
      cageId: this.cageId,
      epoch,
      lastSeq,
      onMessage: (message) => Promise.resolve(this.#hear(message)),
      signal: AbortSignal.timeout(50_000),
    });
    return this.#link;
  }

  send(message: ToCage): void {
    this.#link?.send(message);
  }

  async sealKey(aad: string, key = this.#bench.provider.key) {
    const meterPublicKey = this.all('ready').at(-1)?.meterPublicKey ?? this.#link!.hello.meterPublicKey;
    return seal(meterPublicKey, Buffer.from(key), KEY_INFO, aad);
  }

  async start(
    text: string,
    options: {
      key?: string;
      claw?: Partial<StartMessage['claw']>;
      files?: Record<string, string>;
      deadlineMs?: number;
      input?: Partial<StartMessage['input']>;
      ca?: string;
      epoch?: number;
    } = {},
  ): Promise<void> {
    const { epoch = 1 } = options;
    const files = options.files ?? {};
    for (const [name, content] of Object.entries(files)) {
      this.send({ type: 'file', name, data: Buffer.from(content).toString('base64'), last: true });
    }
    this.send({
      type: 'start',
      taskId: 'task',
      epoch,
      deadlineMs: options.deadlineMs ?? 100_000,
      input: { ...plainInput(text, Object.keys(files)), ...options.input },
      claw: plainClaw(options.claw),
      caps: { permitWaitMs: 60_000 },
      provider: this.#bench.target(),
      sealedKey: await this.sealKey(`task:${epoch}`, options.key),
      ...this.#egress(options.claw?.egress ?? []),
      ...(options.ca !== undefined && { ca: options.ca }),
    });
  }

  /** Runs a task to its result. */
  async run(...task: Parameters<CageUnderTest['start']>): Promise<Said<'result'>> {
    if (this.#link === undefined) await this.connect();
    await this.start(...task);
    return this.until('result');
  }

  all<T extends FromCage['type']>(type: T): Said<T>[] {
    return this.said.filter((message): message is Said<T> => message.type === type);
  }

  events<K extends AgentEvent['kind']>(kind: K): Extract<AgentEvent, { kind: K }>[] {
    const events = this.all('event').map(({ event }) => event);
    return events.filter((event): event is Extract<AgentEvent, { kind: K }> => event.kind === kind);
  }

  async until<T extends FromCage['type']>(type: T, count = 1): Promise<Said<T>> {
    while (this.all(type).length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.all(type)[count - 1]!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#link?.close();
    await this.#warden.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #egress(egress: readonly string[]): Pick<StartMessage, 'agentCapability'> {
    if (egress.length === 0) return {};
    const subject = { cage: this.cageId, organisation: 'o', claw: 'c' };
    return { agentCapability: this.#bench.gate.issuer.agent({ ...subject, egress, lifeMs: 60_000 }) };
  }

  #hear(message: FromCage): void {
    this.said.push(message);
    for (const wake of this.#waiting.splice(0)) wake();
    if (message.type !== 'permit_request' || !this.permit(message)) return;
    this.send({ type: 'permit', callId: message.callId, decision: { granted: true, sendWithinMs: 30_000 } });
  }
}
