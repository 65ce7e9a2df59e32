import type { z } from 'zod/mini';

/** Of zod, in full or mini. */
export interface Schema<T> {
  safeParse(
    value: unknown,
  ):
    | { readonly success: true; readonly data: T }
    | { readonly success: false; readonly error: { readonly issues: z.core.$ZodIssue[] } };
}

/** Each round takes away what the last one complained of; fields come to light level by level. */
const ROUNDS = 8;

/** Reads what a newer version wrote: by the schema, with the fields left away that it does not know. */
export function withoutUnknownFields<T>(
  schema: Schema<T>,
  value: unknown,
): ReturnType<Schema<T>['safeParse']> {
  let rest = value;
  let outcome = schema.safeParse(rest);
  for (let round = 0; round < ROUNDS && !outcome.success; round++) {
    const unknown = outcome.error.issues.filter((issue) => issue.code === 'unrecognized_keys');
    if (unknown.length === 0) break;
    rest = structuredClone(rest);
    for (const { path, keys } of unknown) {
      const owner = path.reduce<unknown>((part, key) => (part as Record<PropertyKey, unknown>)[key], rest);
      for (const key of keys) delete (owner as Record<string, unknown>)[key];
    }
    outcome = schema.safeParse(rest);
  }
  return outcome;
}
