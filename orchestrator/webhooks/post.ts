import { request } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { connect, createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { CodedError, toCodedError } from '#errors/coded-error.ts';
import type { GateAddress } from '#protocol/bootstrap.ts';
import type { CapabilityIssuer } from '../link/capabilities.ts';
import { retryAfterMs, type Answer } from './schedule.ts';
import { openTunnel } from './tunnel.ts';

export interface PostParts {
  readonly gate: () => GateAddress;
  readonly capabilities: CapabilityIssuer;
  /** Of one attempt, from the first byte to the answer's status. */
  readonly limitMs: number;
  /** PEM of authorities beside those of Node and of the system (NODE_EXTRA_CA_CERTS among them). */
  readonly ca?: readonly string[];
}

export interface Post {
  readonly id: string;
  readonly organisation: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Sends one attempt. Never throws: what went wrong is the answer. */
export class Poster {
  readonly #parts: PostParts;
  #secureContext: SecureContext | undefined;

  constructor(parts: PostParts) {
    this.#parts = parts;
  }

  /** Redirects are not followed, and nothing of the answer is kept but its status and `retry-after`. */
  async post(post: Post): Promise<Answer> {
    const signal = AbortSignal.timeout(this.#parts.limitMs);
    let stream: Socket | undefined;
    try {
      const url = new URL(post.url);
      stream = await this.#connect(post, url, signal);
      return await exchange(stream, url, post, signal);
    } catch (error) {
      if (signal.aborted)
        return { error: new CodedError('webhook_unanswered', { limitMs: this.#parts.limitMs }) };
      return { error: toCodedError(error) };
    } finally {
      stream?.destroy();
    }
  }

  async #connect(post: Post, url: URL, signal: AbortSignal): Promise<Socket> {
    const { gate, capabilities, limitMs } = this.#parts;
    const secure = url.protocol === 'https:';
    const raw = await openTunnel({
      gate: gate(),
      capability: capabilities.webhook({ ...post, lifeMs: limitMs + 5_000 }),
      authority: `${url.hostname}:${url.port || (secure ? 443 : 80)}`,
      signal,
    });
    return secure ? this.#secure(raw, url, signal) : raw;
  }

  #secure(raw: Socket, url: URL, signal: AbortSignal): Promise<Socket> {
    const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
    const tls = connect({
      socket: raw,
      host,
      ...(isIP(host) === 0 && { servername: host }),
      secureContext: this.#context(),
      ALPNProtocols: ['http/1.1'],
    });
    return new Promise((resolve, reject) => {
      const fail = (cause?: unknown): void => {
        raw.destroy();
        reject(unreachable(cause));
      };
      signal.addEventListener('abort', () => fail(signal.reason), { once: true });
      tls.on('error', fail).once('close', () => fail());
      tls.once('secureConnect', () => resolve(tls));
    });
  }

  /** Some hundreds of certificates: read once. */
  #context(): SecureContext {
    this.#secureContext ??= createSecureContext({
      ca: [
        ...new Set([
          ...getCACertificates('default'),
          ...getCACertificates('system'),
          ...(this.#parts.ca ?? []),
        ]),
      ],
    });
    return this.#secureContext;
  }
}

function exchange(stream: Socket, url: URL, { headers, body }: Post, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      createConnection: () => stream,
      method: 'POST',
      path: `${url.pathname}${url.search}`,
      ...(url.username && { auth: decodeURIComponent(`${url.username}:${url.password}`) }),
      signal,
      headers: {
        ...headers,
        host: url.host,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'user-agent': 'ClawCage-Webhooks/1',
        connection: 'close',
      },
    });
    outgoing.on('error', (cause) => reject(unreachable(cause)));
    outgoing.once('response', (response) => {
      response.destroy();
      resolve({
        status: response.statusCode ?? 0,
        retryAfterMs: retryAfterMs(response.headers['retry-after'], Date.now()),
      });
    });
    outgoing.end(body);
  });
}

/** With the name of what failed (`ECONNRESET`, `CERT_HAS_EXPIRED`), never its text. */
function unreachable(cause: unknown): CodedError {
  const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'the connection ended';
  return new CodedError('webhook_unreachable', { reason }, { cause });
}
