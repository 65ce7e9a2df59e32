import type { z } from 'zod/mini';
import { CodedError } from '#errors/coded-error.ts';

const NAME = /^[a-z_]{1,40}$/;

/** Checks messages by a schema. Errors: `link_message_unknown` with the type, where it is a plain name, and nothing of the content. */
export function messageParser<T>(schema: z.ZodMiniType<T>): (payload: unknown) => T {
  return (payload) => {
    const parsed = schema.safeParse(payload);
    if (parsed.success) return parsed.data;
    const type = (payload as { type?: unknown } | null)?.type;
    throw new CodedError('link_message_unknown', typeof type === 'string' && NAME.test(type) ? { type } : {});
  };
}
