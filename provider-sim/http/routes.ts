import type { Books } from '../books.ts';
import type { Attempts } from '../model/attempts.ts';
import { noKey, ProviderError, serverError, unknownUrl, wrongKey, wrongMethod } from '../provider-error.ts';
import { chatCompletions } from './chat-completions.ts';
import type { Exchange } from './exchange.ts';
import { jsonBody } from './json-body.ts';
import { modelList, oneModel } from './models.ts';

/** What a provider of ours is made of. */
export interface Provider {
  readonly keys: ReadonlySet<string>;
  readonly models: readonly string[];
  readonly books: Books;
  readonly attempts: Attempts;
}

const BODY_LIMIT = 32 * 1024 * 1024;

/** Answers one request, whatever it holds; never rejects. */
export async function serve(exchange: Exchange, provider: Provider): Promise<void> {
  try {
    await route(exchange, provider);
  } catch (error) {
    if (exchange.gone.aborted || exchange.request.errored) return;
    if (!(error instanceof ProviderError)) report(error);
    if (exchange.response.headersSent) await exchange.cut();
    else exchange.refuse(error instanceof ProviderError ? error : serverError(500));
  }
}

async function route(exchange: Exchange, provider: Provider): Promise<void> {
  const { request, booking } = exchange;
  const method = request.method ?? 'GET';
  const path = (request.url ?? '/').split('?', 1)[0]!;
  const key = authorised(exchange, provider.keys);
  const model = /^\/v1\/models\/(.+)$/.exec(path)?.[1];
  if (path === '/v1/chat/completions') {
    if (method !== 'POST') throw wrongMethod(method);
    return chatCompletions(
      exchange,
      await jsonBody(request, BODY_LIMIT),
      key,
      provider.models,
      provider.attempts,
    );
  }
  if (path !== '/v1/models' && model === undefined) throw unknownUrl(method, path);
  if (method !== 'GET') throw wrongMethod(method);
  if (model === undefined) return exchange.json(200, modelList(provider.models));
  booking.model = decoded(model);
  exchange.json(200, oneModel(provider.models, booking.model));
}

function authorised({ request, booking }: Exchange, keys: ReadonlySet<string>): string {
  const key = /^Bearer\s+(\S+)\s*$/i.exec(request.headers.authorization ?? '')?.[1];
  if (key === undefined) throw noKey();
  booking.key = key;
  if (!keys.has(key)) throw wrongKey(key);
  return key;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** A mistake of ours: where it happened, without its message, which may quote the request. */
function report(error: unknown): void {
  const place =
    error instanceof Error
      ? error.stack
          ?.split('\n')
          .filter((line) => /^\s+at /.test(line))
          .slice(0, 5)
          .join('\n')
      : '';
  console.error(`provider-sim: ${error instanceof Error ? error.name : 'something'} was thrown\n${place}`);
}
