import {
  BrokenOff,
  noKey,
  ProviderError,
  serverError,
  unknownUrl,
  wrongKey,
  wrongMethod,
} from '../provider-error.ts';
import { chatCompletions } from './chat-completions.ts';
import { createEmbeddings } from './embeddings.ts';
import type { Exchange } from './exchange.ts';
import { deleteFile, fileContent, listFiles, retrieveFile, uploadFile } from './files.ts';
import { editImages, generateImages } from './images.ts';
import { modelList, oneModel } from './models.ts';
import { createModeration } from './moderations.ts';
import { countInputTokens, createResponse } from './responses/responses.ts';
import { cancelResponse, deleteResponse, listInputItems, retrieveResponse } from './responses/stored.ts';
import { createSpeech } from './speech.ts';
import { createTranscription, createTranslation } from './transcriptions.ts';
import type { Provider, Visit } from './visit.ts';

/** What answers a method and path; `:` in a path stands for one segment, `*` for the rest. The operation is what the books call it. */
type Route = readonly [
  method: string,
  path: string,
  operation: string,
  answer: (visit: Visit) => void | Promise<void>,
];

const ROUTES: readonly Route[] = [
  ['POST', '/v1/chat/completions', 'chat', chatCompletions],
  ['POST', '/v1/responses', 'responses', createResponse],
  ['POST', '/v1/responses/input_tokens', 'input_tokens', countInputTokens],
  ['GET', '/v1/responses/:', 'responses', retrieveResponse],
  ['DELETE', '/v1/responses/:', 'responses', deleteResponse],
  ['POST', '/v1/responses/:/cancel', 'responses', cancelResponse],
  ['GET', '/v1/responses/:/input_items', 'responses', listInputItems],
  ['POST', '/v1/embeddings', 'embeddings', createEmbeddings],
  ['POST', '/v1/images/generations', 'images', generateImages],
  ['POST', '/v1/images/edits', 'images', editImages],
  ['POST', '/v1/audio/speech', 'speech', createSpeech],
  ['POST', '/v1/audio/transcriptions', 'transcriptions', createTranscription],
  ['POST', '/v1/audio/translations', 'translations', createTranslation],
  ['POST', '/v1/moderations', 'moderations', createModeration],
  ['POST', '/v1/files', 'files', uploadFile],
  ['GET', '/v1/files', 'files', listFiles],
  ['GET', '/v1/files/:', 'files', retrieveFile],
  ['GET', '/v1/files/:/content', 'files', fileContent],
  ['DELETE', '/v1/files/:', 'files', deleteFile],
  ['GET', '/v1/models', 'models', listModels],
  ['GET', '/v1/models/*', 'models', retrieveModel],
];

const PATTERNS = ROUTES.map(([, path]) => {
  const form = path.replaceAll(/[.]/g, '\\.').replace('*', '(.+)').replaceAll(':', '([^/]+)');
  return new RegExp(`^${form}$`);
});

/** Answers one request, whatever it holds; never rejects. */
export async function serve(exchange: Exchange, provider: Provider): Promise<void> {
  try {
    await route(exchange, provider);
  } catch (error) {
    if (exchange.gone.aborted || exchange.request.errored) return;
    if (!(error instanceof ProviderError || error instanceof BrokenOff)) report(error);
    if (exchange.response.headersSent || error instanceof BrokenOff) await exchange.cut();
    else exchange.refuse(error instanceof ProviderError ? error : serverError(500));
  }
}

async function route(exchange: Exchange, provider: Provider): Promise<void> {
  const { request, booking } = exchange;
  const method = request.method ?? 'GET';
  const [path = '/', query = ''] = (request.url ?? '/').split(/\?(.*)/s);
  const key = authorised(exchange, provider.keys);
  const found = PATTERNS.flatMap((pattern, at) => {
    const match = pattern.exec(path);
    return match ? [{ route: ROUTES[at]!, params: match.slice(1).map(decoded) }] : [];
  });
  if (found.length === 0) throw unknownUrl(method, path);
  const hit = found.find((one) => one.route[0] === method);
  if (hit === undefined) throw wrongMethod(method);
  const [, , operation, answer] = hit.route;
  booking.operation = operation;
  await answer({ exchange, provider, key, params: hit.params, query: new URLSearchParams(query) });
}

function listModels({ exchange, provider }: Visit): void {
  exchange.json(200, modelList(provider.models));
}

function retrieveModel({ exchange, provider, params: [id = ''] }: Visit): void {
  exchange.booking.model = id;
  exchange.json(200, oneModel(provider.models, id));
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
