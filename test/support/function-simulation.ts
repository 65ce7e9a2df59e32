import { CageSession } from '#protocol/link-cage.ts';
import { ControllerSession } from '#protocol/link-controller.ts';
import type { FromCage, ToCage } from '#protocol/link-messages.ts';
import { OpenFunctions, type AgentsResult } from '../../cage-image/warden/open-functions.ts';
import { settled, Wire } from './link-simulation.ts';

/** A result that a client gave a controller, and whether the cage has acknowledged it. */
interface Given {
  readonly callId: string;
  readonly output: string;
  readonly epoch: number;
  acknowledged: boolean;
  /** The controller had heard before the acknowledgement that the call is over: its client is told that it came too late. */
  tooLate: boolean;
}

export const WAIT_MS = 1_000;

/** An agent that calls functions, a client that answers them, and between them the link, which a test cuts, delays and hands to new controllers. */
export class FunctionSimulation {
  readonly calls: string[] = [];
  readonly results: AgentsResult[] = [];
  readonly given: Given[] = [];
  readonly fatal: unknown[] = [];
  readonly #open: OpenFunctions;
  readonly #cage: CageSession;
  #controller: ControllerSession;
  /** What the present controller offers to the client to answer. */
  #pending = new Map<string, string>();
  #over = new Set<string>();
  #epoch = 1;
  #persisted = 0;
  readonly #wire: Wire;
  #nowMs = 0;

  constructor() {
    let made = 0;
    this.#open = new OpenFunctions({
      taskId: 'task',
      epoch: 1,
      names: new Set(['ask']),
      waitMs: WAIT_MS,
      newId: () => `call-${++made}`,
    });
    this.#cage = new CageSession({
      hello: () => ({ cageId: 'cage', meterPublicKey: 'key', proof: { ok: true, checks: [] } }),
      onMessage: (message) => this.#cageHeard(message),
      onController: ({ connected, fresh }) => {
        if (connected && fresh) for (const again of this.#open.askAgain(this.#nowMs)) this.#cageSays(again);
      },
    });
    this.#wire = new Wire(this.#cage);
    this.#controller = this.#newController();
  }

  agentCalls(): void {
    const id = `agent-${this.calls.length}`;
    this.calls.push(id);
    const next = this.#open.call({ id, name: 'ask', arguments: '{}' }, this.#nowMs);
    if ('toAgent' in next) this.results.push(next.toAgent);
    else this.#cageSays(next.toController);
  }

  /** The client answers one of the calls that it is shown; whether anybody hears of it is another thing. */
  clientAnswers(which: number): void {
    const pending = [...this.#pending.keys()];
    const callId = pending[which % Math.max(1, pending.length)];
    if (callId === undefined) return;
    // One answer is on its way at most.
    this.#pending.delete(callId);
    const given: Given = {
      callId,
      output: `output-${this.given.length}`,
      epoch: this.#epoch,
      acknowledged: false,
      tooLate: false,
    };
    this.given.push(given);
    const controller = this.#controller;
    controller.session.send({ type: 'function_result', callId, ok: true, output: given.output });
    controller.session.acknowledged().then(
      () => this.#acknowledged(given, controller),
      () => undefined,
    );
  }

  /** What the cage said before it acknowledged has come, but may not have been handled yet; only then is it known whether the result came in time. */
  async #acknowledged(given: Given, { session }: ControllerSession): Promise<void> {
    await session.inbox.caughtUp();
    if (given.epoch !== this.#epoch) return;
    given.acknowledged = true;
    given.tooLate = this.#over.has(given.callId);
  }

  timePasses(ms: number): void {
    this.#nowMs += ms;
    for (const { toAgent, toController } of this.#open.expire(this.#nowMs)) {
      this.results.push(toAgent);
      this.#cageSays(toController);
    }
  }

  connect(): void {
    this.#wire.connect(this.#controller);
  }

  disconnect(): void {
    this.#wire.disconnect();
  }

  /** The orchestrator is killed and another takes over: it knows nothing of the calls but what the cage tells it. */
  takeOver(): void {
    this.disconnect();
    this.#epoch++;
    this.#pending = new Map();
    this.#over = new Set();
    this.#controller.session.close();
    this.#controller = this.#newController();
  }

  deliver(to: 'cage' | 'controller', bytes: number): Promise<void> {
    return this.#wire.deliver(to, bytes);
  }

  repeat(to: 'cage' | 'controller', which: number): void {
    this.#wire.repeat(to, which);
  }

  /** Everything arrives, and the client answers all that it is shown. */
  async finish(): Promise<void> {
    await this.#settle();
    while (this.#pending.size > 0) this.clientAnswers(0);
    await this.#settle();
  }

  async #settle(): Promise<void> {
    if (!this.#wire.connected) this.connect();
    await settled();
    for (let { waiting } = this.#wire; waiting !== undefined; { waiting } = this.#wire) {
      if (waiting === 0) return;
      await this.deliver('cage', Infinity);
      await this.deliver('controller', Infinity);
    }
  }

  #cageSays(message: FromCage): void {
    this.#cage.send(message);
  }

  #cageHeard(message: ToCage): void {
    const result = message.type === 'function_result' ? this.#open.result(message) : undefined;
    if (result !== undefined) this.results.push(result);
  }

  #newController(): ControllerSession {
    const epoch = this.#epoch;
    return new ControllerSession({
      epoch,
      lastSeq: this.#persisted,
      onHello: () => undefined,
      onMessage: (message, seq) => this.#controllerHeard(epoch, message, seq),
      onHandlerFailed: () => undefined,
      onFatal: (error) => this.fatal.push(error),
    });
  }

  #controllerHeard(epoch: number, message: FromCage, seq: number): void {
    if (epoch !== this.#epoch) return;
    this.#persisted = seq;
    const known = (id: string) =>
      this.#over.has(id) || this.given.some((given) => given.callId === id && given.epoch === epoch);
    if (message.type === 'function_call' && !known(message.callId))
      this.#pending.set(message.callId, message.name);
    if (message.type !== 'function_call_over') return;
    this.#over.add(message.callId);
    this.#pending.delete(message.callId);
  }
}
