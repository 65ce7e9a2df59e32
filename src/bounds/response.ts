import type { Buffer } from 'node:buffer';
import { boundOf, inputBound, type CallBound } from './call-bound.ts';
import type { ModelFacts } from './models.ts';
import { defaultLimit, type OutputCaps } from './output-limit.ts';
import { imageData, list, positive, record, type Request } from './request-parts.ts';
import { refuseUnboundedResponse } from './response-fields.ts';

/** The API refuses a smaller `max_output_tokens`. */
const LEAST_OUTPUT = 16;

/**
 * The response as it is sent: not stored (the API stores by default), with an output limit where the agent set none. A limit that the agent set stands.
 * Errors: `meter_unbounded` {field, reason}, `meter_request_invalid` {field}.
 */
export function boundedResponse(
  parsed: Request,
  caps: OutputCaps,
  model: ModelFacts,
): Record<string, unknown> {
  refuseUnboundedResponse(parsed);
  const limit = positive(parsed, 'max_output_tokens') ?? Math.max(LEAST_OUTPUT, defaultLimit(caps, model));
  return { ...parsed, store: false, max_output_tokens: limit };
}

/** An upper bound of a response that `boundedResponse` made; `body` is the same as it is sent. Reasoning is part of the output limit. */
export function boundOfResponse(body: Buffer | string, parsed: Request, model: ModelFacts): CallBound {
  const output = positive(parsed, 'max_output_tokens') ?? model.maxOutputTokens;
  return boundOf(inputBound(body, imagesOf(parsed), model), output);
}

function imagesOf(parsed: Request): string[] {
  return list(parsed.input)
    .map(record)
    .flatMap((item) => [...list(item.content), ...list(item.output)])
    .map(record)
    .flatMap((part) => (part.type === 'input_image' ? (imageData(part.image_url) ?? []) : []));
}
