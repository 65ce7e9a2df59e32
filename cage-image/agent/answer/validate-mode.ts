import * as z from 'zod/mini';
import { checkSchema } from './check-schema.ts';

const question = z.object({
  /** Absent: any JSON object fits. */
  schema: z.optional(z.record(z.string(), z.unknown())),
  answer: z.string(),
});

/**
 * `agent.mjs --validate`: a line of JSON for a question of JSON, by which the warden checks the answers of other agents in a process of its own: a schema
 * that takes forever hurts only that process.
 */
export function validateMode(json: string): string {
  const { schema, answer } = question.parse(JSON.parse(json));
  const verdict = checkSchema(answer, schema);
  return JSON.stringify(verdict.valid ? verdict : { valid: false, errors: verdict.errors });
}
