import { CodedError } from '#errors/coded-error.ts';

/** The models of a Claw: `model`, and by operation. */
export interface ClawModels {
  readonly model: string;
  readonly models: Readonly<Record<string, readonly string[]>>;
}

type ListedOperation = 'embeddings' | 'images' | 'speech' | 'transcriptions' | 'translations' | 'moderations';

/** Every model that the Claw may use for anything. */
export function allModels(claw: ClawModels): string[] {
  return [...new Set([claw.model, ...Object.values(claw.models).flat()])];
}

/** The model of a chat completion or a response, which has to be named. Error: `meter_model_refused`. */
export function chatModel(asked: unknown, claw: ClawModels): string {
  const allowed = [claw.model, ...(claw.models['chat'] ?? [])];
  return oneOf(allowed, asked, 'chat');
}

/** The model of another operation; the first of its list where the agent names none and the API does not ask for it. Error: `meter_model_refused`. */
export function modelFor(operation: ListedOperation, asked: unknown, claw: ClawModels): string {
  const allowed = claw.models[operation] ?? [];
  const [first] = allowed;
  if (first === undefined) {
    throw new CodedError('meter_model_refused', {
      field: 'model',
      reason: `It has none for ${operation}: name them in claw.yaml, models: { ${operation}: [MODEL] }.`,
    });
  }
  return asked === undefined || asked === null ? first : oneOf(allowed, asked, operation);
}

function oneOf(allowed: readonly string[], asked: unknown, operation: string): string {
  if (typeof asked === 'string' && allowed.includes(asked)) return asked;
  throw new CodedError('meter_model_refused', {
    field: 'model',
    reason: `For ${operation} it has ${allowed.join(', ')}; others are named in claw.yaml, models: { ${operation}: [MODEL] }.`,
  });
}
