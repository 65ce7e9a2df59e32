import type { ImageRule } from './image-rule.ts';
import type { EncodingName } from './tokens/encoding.ts';

/** What is known of a model where it bounds a call (see model-table.ts). */
export interface ModelFacts {
  /** Input and output together can never be more, for each choice. Undefined: not known, nothing is concluded from it. */
  readonly contextTokens?: number | undefined;
  readonly maxOutputTokens: number;
  /** The field by which this model takes its output limit. */
  readonly outputField: 'max_completion_tokens' | 'max_tokens';
  /** The most that one image can cost, whatever its size and detail. */
  readonly imageTokens: number;
  /** What the provider adds to each call beside the request's own text: framing, preambles, tool headings. */
  readonly overheadTokens: number;
  /** Tokens for each byte of the request, at most. 1 for byte-level BPE; more where the tokenisation is not known. */
  readonly tokensPerByte: number;
  /** How an image's size makes its tokens; the most where it is absent. */
  readonly images?: ImageRule;
  /** The tokenisation, where its name is published. */
  readonly encoding?: EncodingName;
  /** When its figures were looked up (year and month); absent where safe assumptions stand in for them. */
  readonly knownSince?: string;
}
