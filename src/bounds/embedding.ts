import type { Buffer } from 'node:buffer';
import type { BoundedCall, ClawCaps } from './bounded-call.ts';
import { boundOf, type CallBound } from './call-bound.ts';
import { canTighten, inputParts, tightenedParts, type ModelInput } from './input-bound.ts';
import type { ModelFacts } from './model-facts.ts';
import { fields, list, refuseOthers, type Request } from './request-parts.ts';
import { allowed, Unbounded, unbounded } from './unbounded.ts';

const BOUNDED = fields('model input dimensions encoding_format user');
const NO_OUTPUT = { maxOutputTokens: 0, outputField: 'max_tokens', imageTokens: 0 } as const;

/**
 * OpenAI's: byte-level BPE, 300 000 tokens over all inputs of one request (https://platform.openai.com/docs/api-reference/embeddings/create,
 * looked up 2026-11). Nothing is added to a text. Their encoding: https://github.com/openai/tiktoken, model.py.
 */
const OPENAI: ModelFacts = {
  ...NO_OUTPUT,
  contextTokens: 300_000,
  overheadTokens: 16,
  tokensPerByte: 1,
  encoding: 'cl100k_base',
  knownSince: '2026-11',
};
/** Another's tokenisation is not known: a factor applies, and exactness is not promised. */
const OTHER: ModelFacts = { ...NO_OUTPUT, overheadTokens: 1_024, tokensPerByte: 1.25 };

export const embeddingFacts = (model: string): ModelFacts =>
  model.startsWith('text-embedding-') ? OPENAI : OTHER;

/** Embeddings as they are sent, with their bound. Errors: `meter_unbounded` {field, reason, remedy}. */
export function boundedEmbedding(parsed: Request, claw: ClawCaps): BoundedCall {
  const met = new Unbounded(claw.unbounded);
  const body = JSON.stringify(parsed);
  const input = embeddingInput(body, parsed, met);
  const model = embeddingFacts(String(parsed.model));
  const bound = boundOf(inputParts(input, model), []);
  if (met.met.size > 0) return { body, bound: allowed(bound, met, claw.unbounded) };
  return {
    body,
    bound,
    ...(canTighten(input, model) && {
      tighten: async () => boundOf(await tightenedParts(input, model), []),
    }),
  };
}

/**
 * An upper bound of the tokens of embeddings. An input that comes as tokens has a digit or more and a comma for each, so the bytes of the request bound it
 * too. Errors: `meter_unbounded` {field, reason, remedy}.
 */
export function boundOfEmbedding(body: Buffer | string, parsed: Request): CallBound {
  const input = embeddingInput(body.toString(), parsed, new Unbounded(undefined));
  return boundOf(inputParts(input, embeddingFacts(String(parsed.model))), []);
}

function embeddingInput(body: string, parsed: Request, met: Unbounded): ModelInput {
  refuseOthers(parsed, BOUNDED, met);
  const { input } = parsed;
  const fine = isText(input) || (Array.isArray(input) && input.every((one) => isText(one) || isTokens(one)));
  if (!fine) throw unbounded('input', 'only a text, texts, tokens or lists of tokens');
  return { body, texts: [input, ...list(input)].filter(isText), images: [] };
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isTokens = (value: unknown): boolean =>
  Number.isSafeInteger(value) || (Array.isArray(value) && list(value).every(Number.isSafeInteger));
