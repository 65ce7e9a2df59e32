import { CodedError } from '#errors/coded-error.ts';
import { rewritingReader } from '../answers/document-reader.ts';
import { allModels, type ClawModels } from '#bounds/claw-models.ts';
import type { PreparedCall } from '../prepared-call.ts';

/** The provider's list of models; the agent sees those of its Claw. */
export function prepareModelList(accept: string | undefined, claw: ClawModels): PreparedCall {
  const allowed = new Set(allModels(claw));
  return {
    operation: 'models',
    model: claw.model,
    method: 'GET',
    path: '/models',
    accept,
    tokens: 0,
    document: () => rewritingReader((value) => onlyThese(value, allowed)),
  };
}

/** One model of the Claw. Error: `meter_model_refused`. */
export function prepareModel(
  call: { readonly path: string; readonly model: string },
  accept: string | undefined,
  claw: ClawModels,
): PreparedCall {
  const allowed = allModels(claw);
  if (!allowed.includes(call.model))
    throw new CodedError('meter_model_refused', { reason: `It has ${allowed.join(', ')}.` });
  return { operation: 'models', model: call.model, method: 'GET', path: call.path, accept, tokens: 0 };
}

function onlyThese(value: unknown, allowed: ReadonlySet<string>): unknown {
  const data = (value as { data?: unknown } | null)?.data;
  if (!Array.isArray(data)) return { object: 'list', data: [] };
  const mine = data.filter((model) => allowed.has((model as { id?: string } | null)?.id ?? ''));
  return { ...(value as object), data: mine };
}
