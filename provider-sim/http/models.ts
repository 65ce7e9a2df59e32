import { unknownModel } from '../provider-error.ts';

/** The models that are offered where none are named. */
export const MODELS: readonly string[] = [
  'gpt-5.4-mini',
  'gpt-5.4',
  'gpt-5.4-nano',
  'gpt-5-mini',
  'gpt-4.1',
  'gpt-4.1-mini',
  'gpt-4o',
  'gpt-4o-mini',
];

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
  requireModel(models, id);
  return model(id);
}

export function requireModel(models: readonly string[], id: string): void {
  if (!models.includes(id)) throw unknownModel(id);
}

function model(id: string): Model {
  return { id, object: 'model', created: 1_767_225_600, owned_by: 'system' };
}
