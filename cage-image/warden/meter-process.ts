import { spawn, type ChildProcess } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { CodedError } from '#errors/coded-error.ts';
import { openChannel, type Channel } from '../meter/channel.ts';
import { fromMeter, type FromMeter, type ToMeter } from '../meter/messages.ts';
import { PROTECTED_OPTIONS, type CagePaths } from '../paths.ts';
import { Heartbeat, StoppedPulses } from './heartbeat.ts';
import { stateOf } from './processes.ts';

export interface MeterReady {
  readonly publicKey: string;
  readonly port: number;
  readonly agentKey: string;
}

type ToWarden = Exclude<FromMeter, { type: 'ready' | 'finished' | 'pong' }>;

/** What the warden hears of its meter: messages in order, then once that it ended. */
export interface MeterHandlers {
  readonly onMessage: (message: ToWarden) => void;
  readonly onEnd: () => void;
}

/** The meter's process. Its environment is set whole here, and it is told things over a socket pair that nobody else holds. */
export class MeterProcess {
  readonly pid: number;
  readonly ready: Promise<MeterReady>;
  readonly #child: ChildProcess;
  readonly #channel: Channel;
  readonly #ended: Promise<void>;
  readonly #finished = Promise.withResolvers<void>();
  readonly #heartbeat: Heartbeat;
  readonly #stopped = new StoppedPulses();
  #answered = Promise.withResolvers<void>();

  private constructor(child: ChildProcess, handlers: MeterHandlers, pulseMs: number) {
    this.#heartbeat = new Heartbeat(pulseMs);
    const ready = Promise.withResolvers<MeterReady>();
    this.ready = ready.promise;
    // Who awaits it hears of a failure; nobody is obliged to.
    this.ready.catch(() => undefined);
    this.pid = child.pid ?? 0;
    this.#child = child;
    this.#channel = openChannel(child.stdio[3] as Duplex, {
      onMessage: (value) => this.#heard(value, ready.resolve, handlers.onMessage),
      onEnd: () => child.kill('SIGKILL'),
    });
    this.#ended = new Promise((resolve) => {
      const end = (): void => {
        ready.reject(new CodedError('meter_failed'));
        this.#finished.resolve();
        handlers.onEnd();
        resolve();
      };
      child.once('exit', end);
      child.once('error', end);
    });
  }

  static start(paths: CagePaths, handlers: MeterHandlers, pulseMs: number): MeterProcess {
    const child = spawn(paths.protectedNode, [...PROTECTED_OPTIONS, paths.meterEntry], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
      env: paths.compileCache === undefined ? {} : { NODE_COMPILE_CACHE: paths.compileCache },
    });
    return new MeterProcess(child, handlers, pulseMs);
  }

  tell(message: ToMeter): void {
    this.#channel.send(message);
  }

  /** To be called at each pulse; false where the meter was stopped, or has left too many of them without an answer. */
  pulse(): boolean {
    const next = this.#heartbeat.pulse();
    if (next === 'ping') this.tell({ type: 'ping' });
    return next !== 'silent' && !this.#stopped.pulse(stateOf(this.pid));
  }

  /** Resolves when the meter next shows that it lives. */
  answers(): Promise<void> {
    this.tell({ type: 'ping' });
    return this.#answered.promise;
  }

  /** Lets the meter settle its calls for so long. Resolves when it has, or when the time (and a little more) is over. */
  async finish(withinMs: number): Promise<void> {
    this.tell({ type: 'finish', withinMs });
    const late = setTimeout(this.#finished.resolve, withinMs + 250);
    await this.#finished.promise;
    clearTimeout(late);
  }

  /** Ends the process, and with it all that it remembers. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  #alive(): void {
    this.#heartbeat.answered();
    this.#answered.resolve();
    this.#answered = Promise.withResolvers();
  }

  #heard(value: unknown, ready: (value: MeterReady) => void, onMessage: (message: ToWarden) => void): void {
    const { data: message } = fromMeter.safeParse(value);
    if (message === undefined) this.#child.kill('SIGKILL');
    else if (message.type === 'ready') ready(message);
    else if (message.type === 'finished') this.#finished.resolve();
    else if (message.type === 'pong') this.#alive();
    else onMessage(message);
  }
}
