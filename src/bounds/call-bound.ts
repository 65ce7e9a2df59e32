import { Buffer } from 'node:buffer';
import type { ModelFacts } from './models.ts';

/** The most that a call can take, in tokens. */
export interface CallBound {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly total: number;
}

/** Of calls that the provider charges by the request, the character or the minute, and counts no tokens of. */
export const NO_TOKENS: CallBound = { inputTokens: 0, outputTokens: 0, total: 0 };

export function boundOf(inputTokens: number, outputTokens: number): CallBound {
  return { inputTokens, outputTokens, total: inputTokens + outputTokens };
}

/**
 * An upper bound of the input of a request to a language model. A byte-level BPE token is at least one byte of text, and JSON writes text with at
 * least as many bytes as it has, so the bytes of the whole request bound its tokens; images (their data: URLs) count by their ceiling in place of
 * their bytes. Never more than the model's context.
 */
export function inputBound(body: Buffer | string, images: readonly string[], model: ModelFacts): number {
  const bytes = Buffer.byteLength(body) - images.reduce((sum, url) => sum + Buffer.byteLength(url), 0);
  const tokens =
    Math.ceil(bytes * model.tokensPerByte) + images.length * model.imageTokens + model.overheadTokens;
  return Math.min(tokens, model.contextTokens ?? tokens);
}
