import type { IncomingMessage } from 'node:http';
import type { WayOut } from './proxy-environment.ts';
import { sendRequest, type OutgoingRequest } from './send-request.ts';

const MAX_REDIRECTS = 10;

/** The answer at the end of the redirects, each of which goes through the proxy again, and where it came from. Fragments and what is secret stay behind at another origin. */
export async function followRedirects(
  first: OutgoingRequest,
  way: WayOut,
): Promise<{ answer: IncomingMessage; url: URL }> {
  let request = first;
  for (let redirects = 0; ; redirects++) {
    const answer = await sendRequest(request, way);
    const next = redirected(request, answer);
    if (next === undefined) return { answer, url: request.url };
    answer.destroy();
    if (redirects === MAX_REDIRECTS) throw new Error(`More than ${MAX_REDIRECTS} redirects.`);
    request = next;
  }
}

/** The request that a redirect asks for (RFC 9110 section 15.4); undefined where the answer is none. */
function redirected(request: OutgoingRequest, answer: IncomingMessage): OutgoingRequest | undefined {
  const status = answer.statusCode ?? 0;
  const { location } = answer.headers;
  if (![301, 302, 303, 307, 308].includes(status) || location === undefined) return undefined;
  const url = URL.parse(location, request.url.href);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new Error('A redirect leads to no http(s) address.');
  const becomesGet = status === 303 || ((status === 301 || status === 302) && request.method === 'POST');
  const sameOrigin = url.origin === request.url.origin;
  const headers = Object.entries(request.headers).filter(([name]) => {
    const lower = name.toLowerCase();
    if (becomesGet && lower.startsWith('content-')) return false;
    return sameOrigin || !/^(authorization|cookie|proxy-)|key|token|secret/.test(lower);
  });
  return {
    url,
    method: becomesGet ? 'GET' : request.method,
    headers: Object.fromEntries(headers),
    body: becomesGet ? undefined : request.body,
    signal: request.signal,
  };
}
