import { CodedError } from '#errors/coded-error.ts';
import { insteadOf } from './refused-calls.ts';

/** Calls that bring a body; the kind says how it is understood. */
const POSTS = {
  '/chat/completions': 'chat',
  '/responses': 'response',
  '/responses/input_tokens': 'input_tokens',
  '/embeddings': 'embedding',
  '/images/generations': 'image_generation',
  '/images/edits': 'image_edit',
  '/audio/speech': 'speech',
  '/audio/transcriptions': 'transcription',
  '/audio/translations': 'translation',
  '/moderations': 'moderation',
  '/files': 'file_upload',
} as const;
type PostPath = keyof typeof POSTS;

/** A call that may pass. `path` is what follows the provider's base URL. */
export type AllowedCall =
  | { readonly kind: (typeof POSTS)[PostPath]; readonly path: PostPath }
  | { readonly kind: 'models'; readonly path: '/models' }
  | { readonly kind: 'model'; readonly path: string; readonly model: string }
  | { readonly kind: 'file_list'; readonly query: URLSearchParams }
  | {
      readonly kind: 'file' | 'file_content' | 'file_delete';
      readonly path: string;
      readonly file: string;
    };

/**
 * The allow-list of method and path. The path is compared as it was sent, without its query: nothing is decoded or normalised before, so that
 * the provider cannot read another path out of it than we did. Queries do not pass. Throws `meter_call_refused` with what to use instead.
 */
export function allowedCall(method: string, url: string): AllowedCall {
  const [path = '', query = ''] = url.split('?', 2);
  const rest = path.startsWith('/v1/') ? path.slice('/v1'.length) : '';
  const call = allowed(method, rest, query);
  if (call !== undefined) return call;
  throw new CodedError('meter_call_refused', {
    call: `${method} ${path.slice(0, 200)}`,
    instead: insteadOf(path),
  });
}

function allowed(method: string, path: string, query: string): AllowedCall | undefined {
  if (method === 'POST' && Object.hasOwn(POSTS, path))
    return { kind: POSTS[path as PostPath], path: path as PostPath };
  if (method === 'GET' && path === '/models') return { kind: 'models', path };
  if (method === 'GET' && path === '/files') return { kind: 'file_list', query: new URLSearchParams(query) };
  return fileCall(method, path) ?? modelCall(method, path);
}

function fileCall(method: string, path: string): AllowedCall | undefined {
  const [, file, content] = /^\/files\/([A-Za-z0-9_-]{1,128})(\/content)?$/.exec(path) ?? [];
  if (file === undefined) return undefined;
  if (method === 'GET') return { kind: content === undefined ? 'file' : 'file_content', path, file };
  return method === 'DELETE' && content === undefined ? { kind: 'file_delete', path, file } : undefined;
}

function modelCall(method: string, path: string): AllowedCall | undefined {
  const model = method === 'GET' ? modelOf(path) : undefined;
  return model === undefined
    ? undefined
    : { kind: 'model', path: `/models/${encodeURIComponent(model)}`, model };
}

/** Names of models may hold a slash or a colon, sent plain or encoded (`ft:gpt-4o:us::x`, `meta-llama%2FLlama-3`). */
function modelOf(path: string): string | undefined {
  const rest = /^\/models\/([A-Za-z0-9._:%@/-]{1,256})$/.exec(path)?.[1];
  if (rest === undefined) return undefined;
  try {
    const model = decodeURIComponent(rest);
    return model.split('/').every((part) => /^(?!\.+$)[A-Za-z0-9._:@-]+$/.test(part)) ? model : undefined;
  } catch {
    return undefined;
  }
}
