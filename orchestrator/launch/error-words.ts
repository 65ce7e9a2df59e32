import type { ErrorBody } from '#errors/coded-error.ts';

/** Details of an error that are not plain numbers or truth values. */
export type Words = Readonly<Record<string, unknown>>;

/**
 * An error that a cage reported, in what a row may hold and what may be content: a provider can quote the prompt, an agent of one's own can say
 * anything. Those words are kept as an answer is, sealed and for its time.
 */
export function splitWords(error: ErrorBody): {
  readonly error: ErrorBody;
  readonly words: Words | undefined;
} {
  const entries = Object.entries(error.details ?? {});
  const facts = entries.filter(([, value]) => isFact(value));
  const words = entries.filter(([, value]) => !isFact(value));
  const { details: _, ...bare } = error;
  return {
    error: facts.length > 0 ? { ...bare, details: Object.fromEntries(facts) } : bare,
    words: words.length > 0 ? Object.fromEntries(words) : undefined,
  };
}

export function joinWords(error: ErrorBody, words: Words): ErrorBody {
  return { ...error, details: { ...error.details, ...words } };
}

const isFact = (value: unknown): boolean =>
  typeof value === 'number' || typeof value === 'boolean' || value === null;
