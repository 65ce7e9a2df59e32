import OpenAI from 'openai';
import { KEY_INFO, seal } from '#sealing/seal.ts';
import { Meter } from '../../../cage-image/meter/meter.ts';
import type { FromMeter, MeterTask, PermitDecision } from '../../../cage-image/meter/messages.ts';
import { startGate, type TestGate } from '../../support/gate.ts';
import { startTestProvider, type TestProvider } from '../../support/provider.ts';

type Heard<T extends FromMeter['type']> = Extract<FromMeter, { type: T }>;
type Decide = (request: Heard<'permit_request'>) => PermitDecision | undefined;

export const GRANTED: PermitDecision = { granted: true, sendWithinMs: 30_000 };

/** A real gate and a simulated provider, for meters in this process. */
export class MeterBench implements AsyncDisposable {
  readonly provider: TestProvider;
  readonly gate: TestGate;

  private constructor(provider: TestProvider, gate: TestGate) {
    this.provider = provider;
    this.gate = gate;
  }

  /** The gate lets the simulator through, and `hosts` besides. */
  static async start(hosts: readonly string[] = []): Promise<MeterBench> {
    const provider = await startTestProvider();
    const gate = await startGate({ allowHosts: [`localhost:${provider.port}`, 'localhost:1', ...hosts] });
    return new MeterBench(provider, gate);
  }

  get baseUrl(): string {
    return `https://localhost:${this.provider.port}/v1`;
  }

  target(overrides: Partial<MeterTask['provider']> = {}): MeterTask['provider'] {
    const baseUrl = overrides.baseUrl ?? this.baseUrl;
    const capability = this.gate.issuer.meter({
      cage: 'cage',
      organisation: 'o',
      claw: 'c',
      baseUrl,
      lifeMs: 60_000,
    });
    return { baseUrl, ca: this.provider.caPem, capability, ...overrides };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gate[Symbol.asyncDispose]();
    await this.provider.close();
  }
}

/** A meter that has opened a key, and what its warden would hear. */
export class MeterUnderTest implements AsyncDisposable {
  readonly heard: FromMeter[] = [];
  meter!: Meter;
  decide: Decide = () => GRANTED;
  #waiting: (() => void)[] = [];

  static async start(
    bench: MeterBench,
    task: Partial<MeterTask> = {},
    key = bench.provider.key,
  ): Promise<MeterUnderTest> {
    const under = await MeterUnderTest.withoutKey();
    const sealedKey = await seal(under.only('ready').publicKey, Buffer.from(key), KEY_INFO, 'task:1');
    const common = {
      model: 'gpt-4o',
      models: {},
      permitWaitMs: 5_000,
      gate: bench.gate.socket,
      provider: bench.target(),
    };
    await under.meter.obey({ type: 'open', taskId: 'task', epoch: 1, ...common, sealedKey, ...task });
    return under;
  }

  static async withoutKey(): Promise<MeterUnderTest> {
    const under = new MeterUnderTest();
    under.meter = await Meter.start((message) => under.#hear(message));
    return under;
  }

  /** The official client as an agent would use it, without retries of its own. */
  client(options: { maxRetries?: number; apiKey?: string } = {}): OpenAI {
    return new OpenAI({ baseURL: this.url, apiKey: this.only('ready').agentKey, maxRetries: 0, ...options });
  }

  get url(): string {
    return `http://127.0.0.1:${this.only('ready').port}/v1`;
  }

  get authorization(): string {
    return `Bearer ${this.only('ready').agentKey}`;
  }

  all<T extends FromMeter['type']>(type: T): Heard<T>[] {
    return this.heard.filter((message): message is Heard<T> => message.type === type);
  }

  only<T extends FromMeter['type']>(type: T): Heard<T> {
    const [message, ...more] = this.all(type);
    if (message === undefined || more.length > 0)
      throw new Error(`${more.length + (message ? 1 : 0)} messages ${type}`);
    return message;
  }

  /** Resolves when so many messages of that type were heard. */
  async until(type: FromMeter['type'], count = 1): Promise<void> {
    while (this.all(type).length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.meter.close();
    return Promise.resolve();
  }

  #hear(message: FromMeter): void {
    this.heard.push(message);
    for (const wake of this.#waiting.splice(0)) wake();
    const decision = message.type === 'permit_request' ? this.decide(message) : undefined;
    if (message.type === 'permit_request' && decision !== undefined) {
      void this.meter.obey({ type: 'permit', callId: message.callId, decision });
    }
  }
}
