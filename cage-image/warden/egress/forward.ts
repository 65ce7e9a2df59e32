import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream';
import { reasonPhrase } from './refusal.ts';

/** Of one connection only (RFC 9110 section 7.6.1), or for the proxy itself. `transfer-encoding` says how a request's body is framed, so it stays there. */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'host',
];

/**
 * Sends a request in absolute form on as one in origin form over `upstream`, and its answer back. Whoever breaks off ends the other side too. Resolves when the
 * exchange is over; throws where no answer came.
 */
export function forward(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  upstream: Socket,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({
      createConnection: () => upstream,
      method: request.method,
      path: `${url.pathname}${url.search}`,
      headers: ['host', url.host, ...kept(request, HOP_BY_HOP), 'connection', 'close'],
    });
    outgoing.once('response', (incoming) => {
      // Of an answer Node frames the body anew.
      const headers = kept(incoming, [...HOP_BY_HOP, 'transfer-encoding']);
      try {
        response.writeHead(incoming.statusCode ?? 502, reasonPhrase(incoming.statusMessage ?? ''), headers);
      } catch (error) {
        // Node reads more than it writes: a status below 100.
        upstream.destroy();
        return reject(error);
      }
      pipeline(incoming, response, () => {
        outgoing.destroy();
        resolve();
      });
    });
    outgoing.once('error', (error) => {
      upstream.destroy();
      if (response.headersSent) response.destroy();
      reject(error);
    });
    // Where the server switches protocols unasked, that is all that is heard.
    outgoing.once('close', () => reject(new Error('It broke off.')));
    response.once('close', () => outgoing.destroy());
    request.pipe(outgoing);
  });
}

/** Names and values in turn, as they came, but for those named here or in the message's own `connection` header. */
function kept(message: IncomingMessage, dropped: readonly string[]): string[] {
  const named = (message.headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  const without = new Set([...dropped, ...named]);
  const pairs = message.rawHeaders;
  return pairs.filter((_, at) => !without.has((pairs[at - (at % 2)] ?? '').toLowerCase()));
}
