import { Readable } from 'node:stream';
import type { WayOut } from './proxy-environment.ts';
import { sendRequest } from './send-request.ts';

/** Statuses whose answers have no body (Fetch standard, "null body status"). */
const WITHOUT_BODY = new Set([101, 103, 204, 205, 304]);

/**
 * The standard `fetch`, by way of the proxy, as far as an MCP client uses it: text bodies, streamed answers, redirects left to the caller. What the
 * proxy says when it refuses is the error's message.
 */
export function proxiedFetch(way: WayOut): typeof fetch {
  return async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const { body, signal } = init;
    const bytes = body == null ? undefined : Buffer.from(await new Response(body as string).arrayBuffer());
    const answer = await sendRequest(
      {
        method: init.method ?? 'GET',
        url,
        headers: {
          ...Object.fromEntries(new Headers(init.headers)),
          ...(bytes !== undefined && { 'content-length': String(bytes.length) }),
        },
        body: bytes,
        signal: signal ?? new AbortController().signal,
      },
      way,
    );
    const status = answer.statusCode ?? 502;
    const headers = new Headers();
    for (let at = 0; at < answer.rawHeaders.length; at += 2)
      headers.append(answer.rawHeaders[at] ?? '', answer.rawHeaders[at + 1] ?? '');
    return new Response(WITHOUT_BODY.has(status) ? null : (Readable.toWeb(answer) as ReadableStream), {
      status,
      statusText: answer.statusMessage ?? '',
      headers,
    });
  };
}
