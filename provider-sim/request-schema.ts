import type { z } from 'zod';
import { invalidParameter } from './provider-error.ts';

/** Reads a body as OpenAI would; throws its 400, which names the parameter in question. */
export function parseRequest<Schema extends z.ZodType>(schema: Schema, body: unknown): z.infer<Schema> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = parameterName(issue?.path ?? []);
  throw invalidParameter(
    where,
    where === null ? 'The body must be a JSON object.' : `Invalid value for '${where}': ${issue?.message}.`,
  );
}

/** `messages[2].role`, as OpenAI writes it. */
function parameterName(path: readonly PropertyKey[]): string | null {
  if (path.length === 0) return null;
  return path
    .map((step, at) => (typeof step === 'number' ? `[${step}]` : `${at === 0 ? '' : '.'}${String(step)}`))
    .join('');
}
