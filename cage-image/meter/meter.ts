import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CodedError, toCodedError } from '#errors/coded-error.ts';
import type { Sealed } from '#protocol/link-messages.ts';
import { KEY_INFO, SealingKeyPair } from '#sealing/seal.ts';
import { LoopbackKey } from './loopback-key.ts';
import type { FromMeter, MeterTask, MeterVerification, ToMeter } from './messages.ts';
import { answerOwnError } from './openai-error.ts';
import { KEY_VARIABLE, ProviderConnection } from './provider-connection.ts';
import { KeyRedactor } from './redact.ts';
import { MeterSession } from './session.ts';
import { verifyKey } from './verify-key.ts';

/**
 * The process that holds the key. It starts without one and serves one task (or one verification); then the warden kills it, which is the only sure end of
 * what is in its memory.
 */
export class Meter {
  readonly #send: (message: FromMeter) => void;
  readonly #keyPair: SealingKeyPair;
  readonly #loopbackKey = new LoopbackKey();
  readonly #server: Server;
  #session: MeterSession | undefined;

  private constructor(send: (message: FromMeter) => void, keyPair: SealingKeyPair) {
    this.#send = send;
    this.#keyPair = keyPair;
    this.#server = createServer((request, response) => void this.#serve(request, response));
    // Longer than any client keeps an idle connection, so that none is closed under a request.
    this.#server.keepAliveTimeout = 120_000;
    this.#server.requestTimeout = 0;
  }

  /** Makes the key pair, listens on 127.0.0.1 and says `ready`. */
  static async start(send: (message: FromMeter) => void): Promise<Meter> {
    const meter = new Meter(send, await SealingKeyPair.create());
    await new Promise<void>((resolve) => meter.#server.listen(0, '127.0.0.1', resolve));
    const { port } = meter.#server.address() as AddressInfo;
    send({ type: 'ready', publicKey: meter.#keyPair.publicKey, port, agentKey: meter.#loopbackKey.text });
    return meter;
  }

  async obey(message: ToMeter): Promise<void> {
    switch (message.type) {
      case 'open':
        return this.#open(message);
      case 'verify':
        return this.#verify(message);
      case 'permit':
        return this.#session?.permitDecided(message.callId, message.decision);
      case 'finish':
        await this.#session?.finish(message.withinMs);
        return this.#send({ type: 'finished' });
      case 'ping':
        return this.#send({ type: 'pong' });
    }
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #open(task: MeterTask): Promise<void> {
    try {
      const key = await this.#takeKey(task.sealedKey, `${task.taskId}:${task.epoch}`);
      this.#session = new MeterSession(task, key, this.#send);
      this.#send({ type: 'opened' });
    } catch (error) {
      this.#send({ type: 'not_opened', error: toCodedError(error).toBody() });
    }
  }

  async #verify(message: MeterVerification): Promise<void> {
    try {
      const key = await this.#takeKey(message.sealedKey, `verify:${message.cageId}`);
      const connection = new ProviderConnection(message.provider, message.gate);
      this.#send(await verifyKey(connection, new KeyRedactor(key), message.deadlineMs));
      connection.close();
    } catch (error) {
      this.#send({ type: 'verified', ok: false, error: toCodedError(error).toBody() });
    }
  }

  /** Opens the sealed key into the environment; its bytes are returned for finding echoes of it. */
  async #takeKey(sealed: Sealed, aad: string): Promise<Buffer> {
    const key = await this.#keyPair.open(sealed, KEY_INFO, aad);
    const bytes = key.expose();
    process.env[KEY_VARIABLE] = bytes.toString('utf8');
    return bytes;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => response.destroy());
    if (!this.#loopbackKey.accepts(request.headers.authorization)) {
      answerOwnError(response, new CodedError('meter_unauthorized'));
    } else if (this.#session === undefined) {
      answerOwnError(response, new CodedError('not_ready'));
    } else {
      await this.#session.handle(request, response);
    }
  }
}
