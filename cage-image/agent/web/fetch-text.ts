import type { IncomingMessage } from 'node:http';
import { cutMiddle } from '../cut-middle.ts';
import type { ToolContext } from '../tools/tool.ts';
import { ToolRefused } from '../work-path.ts';
import { decodeText, kindOf } from './content-type.ts';
import { followRedirects } from './follow-redirects.ts';
import { wayOut } from './proxy-environment.ts';
import { ACCEPTED_ENCODINGS, readBody } from './read-body.ts';
import { FETCH_MS } from './fetch-limit.ts';
import { saveDownload } from './save-download.ts';
import { ProxyRefused } from './send-request.ts';

const MAX_BYTES = 32 * 1024 * 1024;
/** A page larger than this is not taken apart. */
const MAX_HTML_BYTES = 4 * 1024 * 1024;

export interface FetchArguments {
  readonly url: string;
  readonly method?: 'GET' | 'POST' | null | undefined;
  readonly headers?: Record<string, string> | null | undefined;
  readonly body?: string | null | undefined;
  readonly raw?: boolean | null | undefined;
}

/** What an address gives, as text for the model; throws `ToolRefused` with the reason, in the proxy's words where it was the proxy. */
export async function fetchText(args: FetchArguments, context: ToolContext): Promise<string> {
  try {
    return await fetched(args, context);
  } catch (error) {
    throw new ToolRefused(reasonOf(error, args.url), { cause: error });
  }
}

async function fetched(args: FetchArguments, context: ToolContext): Promise<string> {
  const url = URL.parse(args.url.includes('://') ? args.url : `https://${args.url}`);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new ToolRefused(`${args.url} is no http or https address.`);
  const signal = AbortSignal.timeout(Math.max(1_000, Math.min(FETCH_MS, context.remainingMs())));
  const method = args.method ?? (args.body == null ? 'GET' : 'POST');
  const body = method === 'POST' ? Buffer.from(args.body ?? '') : undefined;
  const headers = {
    'user-agent': 'clawcage-agent',
    accept: 'text/html, application/json, text/*;q=0.9, */*;q=0.5',
    'accept-encoding': ACCEPTED_ENCODINGS,
    ...(body !== undefined && { 'content-length': String(body.length) }),
    ...Object.fromEntries(
      Object.entries(args.headers ?? {})
        .map(([name, value]) => [name.toLowerCase(), value] as const)
        .filter(([name]) => !['host', 'content-length', 'transfer-encoding', 'connection'].includes(name)),
    ),
  };
  const found = await followRedirects({ method, url, headers, body, signal }, wayOut(context.environment));
  const text = `[${found.answer.statusCode} ${found.url.href}]\n${await contentOf(found, args.raw === true, context)}`;
  if ((found.answer.statusCode ?? 0) >= 400) throw new ToolRefused(cutMiddle(text, context.outputLimit));
  return text;
}

async function contentOf(
  { answer, url }: { readonly answer: IncomingMessage; readonly url: URL },
  raw: boolean,
  context: ToolContext,
): Promise<string> {
  const { bytes, cut } = await readBody(answer, MAX_BYTES);
  const type = answer.headers['content-type'] ?? '';
  const note = cut ? `\n[The rest, beyond ${MAX_BYTES} bytes, was not read.]` : '';
  switch (kindOf(type, bytes)) {
    case 'html':
      if (raw || bytes.length > MAX_HTML_BYTES) return `${decodeText(bytes, type)}${note}`;
      return `${(await import('./readable-text.ts')).readableText(decodeText(bytes, type), url)}${note}`;
    case 'text':
      return `${decodeText(bytes, type)}${note}`;
    case 'binary': {
      const path = await saveDownload(context.work, url, answer.headers['content-disposition'] ?? '', bytes);
      return `${bytes.length} bytes of ${type.split(';')[0] || 'no stated type'} saved to ${path}${note}`;
    }
  }
}

function reasonOf(error: unknown, url: string): string {
  if (error instanceof ToolRefused) return error.message;
  if (error instanceof ProxyRefused) return `${url} cannot be reached. ${error.message}`;
  if (error instanceof Error && /Abort|Timeout/.test(error.name)) return `${url} did not answer in time.`;
  const { code, message } = error as NodeJS.ErrnoException;
  return `${url} could not be fetched: ${[code, message].filter((part) => part !== undefined).join(' ')}`;
}
