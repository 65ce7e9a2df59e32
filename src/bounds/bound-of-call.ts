import { Buffer } from 'node:buffer';
import { CodedError } from '#errors/coded-error.ts';
import type { ModelFacts } from './models.ts';
import { imageUrl, list, record, refuseUnbounded } from './refused-fields.ts';

export interface CallBound {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly total: number;
}

/** OpenAI's own limit of choices. */
const MOST_CHOICES = 128;

/**
 * An upper bound of the tokens that a chat completion can take. `body` is the request exactly as it is sent, `parsed` the
 * same as an object. A byte-level BPE token is at least one byte of text, and JSON writes text with at least as many
 * bytes as it has, so the bytes of the whole request bound its tokens; images count by their ceiling in place of
 * their bytes. Reasoning is part of the output limit. Errors: `meter_unbounded` {field, reason}, `meter_request_invalid` {field}.
 */
export function boundOfCall(
  body: Buffer | string,
  parsed: Readonly<Record<string, unknown>>,
  model: ModelFacts,
): CallBound {
  refuseUnbounded(parsed);
  const images = imagesOf(parsed);
  const bytes = Buffer.byteLength(body) - images.reduce((sum, url) => sum + Buffer.byteLength(url), 0);
  const input =
    Math.ceil(bytes * model.tokensPerByte) + images.length * model.imageTokens + model.overheadTokens;
  const inputTokens = Math.min(input, model.contextTokens ?? input);
  const outputTokens = choicesOf(parsed) * outputLimitOf(parsed, model);
  return { inputTokens, outputTokens, total: inputTokens + outputTokens };
}

/** How many answers the provider generates, shown or not. Error: `meter_request_invalid` {field}. */
export function choicesOf(parsed: Readonly<Record<string, unknown>>): number {
  return Math.max(positive(parsed, 'n') ?? 1, positive(parsed, 'best_of') ?? 1);
}

function outputLimitOf(parsed: Readonly<Record<string, unknown>>, model: ModelFacts): number {
  const limits = (['max_completion_tokens', 'max_tokens'] as const).map((field) => positive(parsed, field));
  const given = limits.filter((limit) => limit !== undefined);
  // With both, nobody knows which one the server heeds.
  return given.length > 0 ? Math.max(...given) : model.maxOutputTokens;
}

function positive(
  parsed: Readonly<Record<string, unknown>>,
  field: 'n' | 'best_of' | 'max_tokens' | 'max_completion_tokens',
): number | undefined {
  const value = parsed[field];
  if (value === undefined || value === null) return undefined;
  const most = field === 'n' || field === 'best_of' ? MOST_CHOICES : 1_000_000_000;
  // Some servers take -1 for "without end".
  if (!Number.isSafeInteger(value) || (value as number) < 1 || (value as number) > most) {
    throw new CodedError('meter_request_invalid', { field, reason: `a whole number from 1 to ${most}` });
  }
  return value as number;
}

function imagesOf(parsed: Readonly<Record<string, unknown>>): string[] {
  return list(parsed.messages)
    .flatMap((message) => list(record(message).content))
    .map(imageUrl)
    .filter((url) => url !== undefined);
}
