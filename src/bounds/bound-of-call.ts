import type { Buffer } from 'node:buffer';
import { boundOf, inputBound, type CallBound } from './call-bound.ts';
import type { ModelFacts } from './models.ts';
import { refuseUnbounded } from './refused-fields.ts';
import { imageData, list, positive, record, type Request } from './request-parts.ts';

/** OpenAI's own limit of choices. */
const MOST_CHOICES = 128;

/**
 * An upper bound of the tokens that a chat completion can take. `body` is the request exactly as it is sent, `parsed` the
 * same as an object. Reasoning is part of the output limit. Errors: `meter_unbounded` {field, reason}, `meter_request_invalid` {field}.
 */
export function boundOfCall(body: Buffer | string, parsed: Request, model: ModelFacts): CallBound {
  refuseUnbounded(parsed);
  return boundOf(inputBound(body, imagesOf(parsed), model), choicesOf(parsed) * outputLimitOf(parsed, model));
}

/** How many answers the provider generates, shown or not. Error: `meter_request_invalid` {field}. */
export function choicesOf(parsed: Request): number {
  return Math.max(positive(parsed, 'n', MOST_CHOICES) ?? 1, positive(parsed, 'best_of', MOST_CHOICES) ?? 1);
}

function outputLimitOf(parsed: Request, model: ModelFacts): number {
  const limits = (['max_completion_tokens', 'max_tokens'] as const).map((field) => positive(parsed, field));
  const given = limits.filter((limit) => limit !== undefined);
  // With both, nobody knows which one the server heeds.
  return given.length > 0 ? Math.max(...given) : model.maxOutputTokens;
}

function imagesOf(parsed: Request): string[] {
  return list(parsed.messages)
    .flatMap((message) => list(record(message).content))
    .map((part) => imageData(record(part).image_url))
    .filter((url) => url !== undefined);
}
