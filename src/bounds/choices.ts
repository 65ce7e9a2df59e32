import type { BoundPart } from './call-bound.ts';
import { positive, type Request } from './request-parts.ts';

/** OpenAI's own limit of choices. */
const MOST_CHOICES = 128;

/** How many answers the provider generates, shown or not. Error: `meter_request_invalid` {field}. */
export function choicesOf(parsed: Request): number {
  return Math.max(positive(parsed, 'n', MOST_CHOICES) ?? 1, positive(parsed, 'best_of', MOST_CHOICES) ?? 1);
}

export function outputPart(limit: number, choices = 1): BoundPart {
  const each = `The output limit, ${limit} tokens, reasoning with it`;
  return {
    part: 'output',
    tokens: limit * choices,
    why: choices === 1 ? `${each}.` : `${each}, for each of ${choices} choices.`,
  };
}
