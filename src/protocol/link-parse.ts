import type { z } from 'zod/mini';
import { CodedError } from '#errors/coded-error.ts';
import { withoutUnknownFields } from './unknown-fields.ts';

const NAME = /^[a-z_]{1,40}$/;

/** A message of a kind that only a newer version has: acknowledged, and passed over. */
export const PASSED_OVER = Symbol('passed over');

/**
 * Checks messages by a schema. From an end that speaks nothing newer, what is not known is a fault: `link_message_unknown` with the type, where it is a
 * plain name, and nothing of the content. From a newer end unknown fields are left away, and messages of an unknown kind are `PASSED_OVER`.
 */
export function messageParser<T>(
  schema: z.ZodMiniType<T>,
): (payload: unknown, fromNewer: boolean) => T | typeof PASSED_OVER {
  return (payload, fromNewer) => {
    const parsed = schema.safeParse(payload);
    if (parsed.success) return parsed.data;
    if (fromNewer) {
      const known = withoutUnknownFields(schema, payload);
      if (known.success) return known.data;
      if (known.error.issues.every(isOfUnknownKind)) return PASSED_OVER;
    }
    const type = (payload as { type?: unknown } | null)?.type;
    throw new CodedError('link_message_unknown', typeof type === 'string' && NAME.test(type) ? { type } : {});
  };
}

/** A union whose members are told apart by a name, and no member has this one. */
function isOfUnknownKind(issue: { readonly code?: string | undefined; readonly note?: unknown }): boolean {
  return issue.code === 'invalid_union' && issue.note === 'No matching discriminator';
}
