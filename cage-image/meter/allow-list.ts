import { CodedError } from '#errors/coded-error.ts';

/** A call that may pass. `path` is what follows the provider's base URL. */
export type AllowedCall =
  | { readonly kind: 'chat'; readonly path: '/chat/completions' }
  | { readonly kind: 'models'; readonly path: '/models' }
  | { readonly kind: 'model'; readonly path: string; readonly model: string };

/** What to use in place of a call that does not pass; the first match counts. */
const INSTEAD: readonly (readonly [RegExp, string])[] = [
  [/^\/v1\/responses/, 'Use POST /v1/chat/completions.'],
  [/^\/v1\/completions$/, 'Use POST /v1/chat/completions.'],
  [/^\/v1\/(assistants|threads)/, 'Use POST /v1/chat/completions and keep the thread in /work.'],
  [
    /^\/v1\/(organization|projects|realtime\/client_secrets)/,
    'Administration and the making of credentials never pass.',
  ],
  [/^\/v1\/(batches|fine_tuning|evals)/, 'What spends tokens after its answer does not pass.'],
  [/^(?!\/v1\/)/, 'The base URL ends in /v1: use it as OPENAI_BASE_URL gives it.'],
];

const PASSES = 'POST /v1/chat/completions, GET /v1/models, GET /v1/models/{model}';

/**
 * The allow-list of method and path. The path is compared as it was sent, without its query: nothing is decoded or normalised before, so that
 * the provider cannot read another path out of it than we did. Throws `meter_call_refused` with what to use instead.
 */
export function allowedCall(method: string, url: string): AllowedCall {
  const path = url.split('?', 1)[0] ?? '';
  if (method === 'POST' && path === '/v1/chat/completions')
    return { kind: 'chat', path: '/chat/completions' };
  if (method === 'GET' && path === '/v1/models') return { kind: 'models', path: '/models' };
  const model = method === 'GET' ? modelOf(path) : undefined;
  if (model !== undefined) return { kind: 'model', path: `/models/${encodeURIComponent(model)}`, model };
  throw new CodedError('meter_call_refused', {
    call: `${method} ${path.slice(0, 200)}`,
    instead: INSTEAD.find(([form]) => form.test(path))?.[1] ?? `What passes: ${PASSES}.`,
  });
}

/** Names of models may hold a slash or a colon, sent plain or encoded (`ft:gpt-4o:us::x`, `meta-llama%2FLlama-3`). */
function modelOf(path: string): string | undefined {
  const rest = /^\/v1\/models\/([A-Za-z0-9._:%@/-]{1,256})$/.exec(path)?.[1];
  if (rest === undefined) return undefined;
  try {
    const model = decodeURIComponent(rest);
    return model.split('/').every((part) => /^(?!\.+$)[A-Za-z0-9._:@-]+$/.test(part)) ? model : undefined;
  } catch {
    return undefined;
  }
}
