import type { Buffer } from 'node:buffer';
import { boundOf, inputBound, type CallBound } from './call-bound.ts';
import type { ModelFacts } from './models.ts';
import { fields, list, refuseOthers, unbounded, type Request } from './request-parts.ts';

const BOUNDED = fields('model input dimensions encoding_format user');

/**
 * OpenAI's: byte-level BPE, 300 000 tokens over all inputs of one request (https://platform.openai.com/docs/api-reference/embeddings/create,
 * looked up 2026-11). Nothing is added to a text.
 */
const OPENAI = { contextTokens: 300_000, overheadTokens: 16, tokensPerByte: 1 };
/** Another's tokenisation is not known: a factor applies, and exactness is not promised. */
const OTHER = { contextTokens: undefined, overheadTokens: 1_024, tokensPerByte: 1.25 };

/**
 * An upper bound of the tokens of embeddings. An input that comes as tokens has a digit or more and a comma for each, so the bytes of the request bound it
 * too. Errors: `meter_unbounded` {field, reason}.
 */
export function boundOfEmbedding(body: Buffer | string, parsed: Request): CallBound {
  refuseOthers(parsed, BOUNDED);
  const { input } = parsed;
  const fine = isText(input) || (Array.isArray(input) && input.every((one) => isText(one) || isTokens(one)));
  if (!fine) throw unbounded('input', 'only a text, texts, tokens or lists of tokens');
  const facts = String(parsed.model).startsWith('text-embedding-') ? OPENAI : OTHER;
  const model: ModelFacts = { ...facts, maxOutputTokens: 0, outputField: 'max_tokens', imageTokens: 0 };
  return boundOf(inputBound(body, [], model), 0);
}

const isText = (value: unknown): boolean => typeof value === 'string';
const isTokens = (value: unknown): boolean =>
  Number.isSafeInteger(value) || (Array.isArray(value) && list(value).every(Number.isSafeInteger));
