import { ProviderError, unknownModel } from '../provider-error.ts';

/** What a model can be asked for. */
export type Operation =
  | 'chat'
  | 'responses'
  | 'embeddings'
  | 'images'
  | 'speech'
  | 'transcriptions'
  | 'translations'
  | 'moderations';

type Kind = Exclude<Operation, 'responses' | 'translations'> | 'whisper';

const BY_KIND: Readonly<Record<Kind, readonly string[]>> = {
  chat: [
    'gpt-5.4-mini',
    'gpt-5.4',
    'gpt-5.4-nano',
    'gpt-5-mini',
    'gpt-4.1',
    'gpt-4.1-mini',
    'gpt-4o',
    'gpt-4o-mini',
    'gpt-6-astra',
    'gpt-5.6-sol',
    'gpt-5.5',
  ],
  embeddings: ['text-embedding-3-small', 'text-embedding-3-large', 'text-embedding-ada-002'],
  images: ['gpt-image-2', 'gpt-image-1.5', 'gpt-image-1', 'gpt-image-1-mini'],
  speech: ['gpt-4o-mini-tts', 'tts-1', 'tts-1-hd'],
  transcriptions: ['gpt-4o-transcribe', 'gpt-4o-mini-transcribe'],
  whisper: ['whisper-1'],
  moderations: ['omni-moderation-latest', 'text-moderation-latest'],
};

const SERVES: Readonly<Record<Kind, readonly Operation[]>> = {
  chat: ['chat', 'responses'],
  embeddings: ['embeddings'],
  images: ['images'],
  speech: ['speech'],
  transcriptions: ['transcriptions'],
  whisper: ['transcriptions', 'translations'],
  moderations: ['moderations'],
};

/** The models that are offered where none are named. */
export const MODELS: readonly string[] = Object.values(BY_KIND).flat();

interface Model {
  readonly id: string;
  readonly object: 'model';
  readonly created: number;
  readonly owned_by: string;
}

export function modelList(models: readonly string[]): { object: 'list'; data: Model[] } {
  return { object: 'list', data: models.map(model) };
}

/** Throws OpenAI's 404 where the model is not offered. */
export function oneModel(models: readonly string[], id: string): Model {
  if (!models.includes(id)) throw unknownModel(id);
  return model(id);
}

/** Throws OpenAI's 404 where the model is not offered, and an error where it is for other things. One of a name of one's own is for anything. */
export function requireModel(models: readonly string[], id: string, operation: Operation): void {
  if (!models.includes(id)) throw unknownModel(id);
  const kind = (Object.keys(BY_KIND) as Kind[]).find((one) => BY_KIND[one].includes(id));
  if (kind === undefined || SERVES[kind].includes(operation)) return;
  const detail = { type: 'invalid_request_error', param: 'model' };
  if (operation === 'chat')
    throw new ProviderError(404, {
      ...detail,
      message:
        'This is not a chat model and thus not supported in the v1/chat/completions endpoint. Did you mean to use v1/completions?',
    });
  throw new ProviderError(400, {
    ...detail,
    message: `The model \`${id}\` cannot be used for ${operation}.`,
    code: 'invalid_value',
  });
}

function model(id: string): Model {
  return { id, object: 'model', created: 1_767_225_600, owned_by: 'system' };
}
