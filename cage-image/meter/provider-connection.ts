import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as tlsConnect } from 'node:tls';
import { CodedError } from '#errors/coded-error.ts';
import type { GateAddress } from '#protocol/bootstrap.ts';
import type { ProviderTarget } from '#protocol/link-messages.ts';
import { openTunnel } from '../tunnel/tunnel.ts';
import { DroppedBeforeSending, Sending, type Departure } from './departure.ts';

/** The key's variable in the meter's own environment: the one place where a key is a string. */
export const KEY_VARIABLE = 'OPENAI_API_KEY';

const IDLE_CONNECTION_MS = 30_000;
const TLS_HANDSHAKE_MS = 15_000;

/** A call to the provider; nothing of it goes out before its connection stands and it may go. */
export interface ProviderCall extends Departure {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** What follows the base URL. */
  readonly path: string;
  readonly accept?: string | undefined;
  readonly body?: Buffer | undefined;
  /** Of the body; JSON where absent. */
  readonly contentType?: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Connections to one provider for the length of a task, kept alive between calls. TLS is made here, end to end, inside a tunnel of the gate
 * (`http://` base URLs: plain inside the tunnel, which the gate allows by name only).
 */
export class ProviderConnection {
  readonly #target: ProviderTarget;
  readonly #base: URL;
  readonly #agent: HttpAgent;

  constructor(target: ProviderTarget, gate: GateAddress) {
    this.#target = target;
    this.#base = new URL(target.baseUrl);
    this.#agent = tunnelAgent(target, this.#base, gate);
  }

  /**
   * The provider's answer with its body still to be read. Throws `DroppedBeforeSending`, a gate's or `provider_unreachable` CodedError where
   * nothing was sent, and any other error where bytes may have gone out (`onBegun` was called then).
   */
  async call(call: ProviderCall): Promise<IncomingMessage> {
    const request = this.#request(call);
    const sending = new Sending(request, call);
    return new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', (answer) => {
        sending.over();
        resolve(answer);
      });
      request.once('error', (error) => {
        sending.over();
        reject(sending.isBegun ? error : beforeSending(error));
      });
      request.once('socket', () => sending.start(call.body));
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  #request(call: ProviderCall): ClientRequest {
    const ask = this.#base.protocol === 'https:' ? httpsRequest : httpRequest;
    return ask({
      agent: this.#agent,
      method: call.method,
      host: bareHost(this.#base),
      port: portOf(this.#base),
      path: this.#base.pathname.replace(/\/+$/, '') + call.path,
      headers: this.#headers(call),
      signal: call.signal,
    });
  }

  #headers(call: ProviderCall): Record<string, string> {
    const { organization, project } = this.#target;
    return {
      authorization: `Bearer ${process.env[KEY_VARIABLE]}`,
      accept: call.accept ?? 'application/json',
      // The body is read for its usage and for echoes of the key, so it must come as it is.
      'accept-encoding': 'identity',
      'user-agent': 'clawcage',
      ...(organization !== undefined && { 'openai-organization': organization }),
      ...(project !== undefined && { 'openai-project': project }),
      ...(call.body !== undefined && {
        'content-type': call.contentType ?? 'application/json',
        'content-length': String(call.body.length),
      }),
    };
  }
}

const portOf = (base: URL): number => Number(base.port || (base.protocol === 'https:' ? 443 : 80));
const bareHost = (base: URL): string => base.hostname.replace(/^\[|\]$/g, '');

function tunnelAgent(target: ProviderTarget, base: URL, gate: GateAddress): HttpAgent {
  const options = { keepAlive: true, timeout: IDLE_CONNECTION_MS, maxFreeSockets: 8 };
  const agent = base.protocol === 'https:' ? new HttpsAgent(options) : new HttpAgent(options);
  const connect = async (): Promise<Duplex> => {
    const tunnel = await openTunnel({
      gate,
      capability: target.capability,
      host: bareHost(base),
      port: portOf(base),
    });
    return base.protocol === 'https:' ? secured(tunnel, bareHost(base), target.ca) : tunnel;
  };
  agent.createConnection = (_options, onCreate): undefined => {
    connect().then(
      (stream) => onCreate?.(null, stream),
      // Node's type asks for a stream here too; there is none, and none is read.
      (error: Error) => onCreate?.(error, undefined as unknown as Duplex),
    );
  };
  return agent;
}

function secured(tunnel: Socket, host: string, ca: string | undefined): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = tlsConnect({
      socket: tunnel,
      host,
      minVersion: 'TLSv1.2',
      ...(isIP(host) === 0 && { servername: host }),
      ...(ca !== undefined && { ca }),
    });
    const late = setTimeout(
      () => socket.destroy(new Error('The TLS handshake took too long.')),
      TLS_HANDSHAKE_MS,
    );
    socket.once('secureConnect', () => {
      clearTimeout(late);
      socket.removeListener('error', reject);
      resolve(socket);
    });
    socket.once('error', (error) => {
      clearTimeout(late);
      tunnel.destroy();
      reject(error);
    });
  });
}

/** Failures of the way there that another try may get over; what the gate refuses for a reason keeps its own code. */
const ON_THE_WAY = new Set(['gate_unavailable', 'gate_resolve_failed', 'gate_connect_failed']);

function beforeSending(error: Error): Error {
  if (error instanceof CodedError && ON_THE_WAY.has(error.code)) {
    return new CodedError('provider_unreachable', { reason: error.message });
  }
  if (error instanceof CodedError || error instanceof DroppedBeforeSending || error.name === 'AbortError')
    return error;
  const code = (error as NodeJS.ErrnoException).code;
  return new CodedError('provider_unreachable', { reason: code ?? 'The connection could not be made.' });
}
