/**
 * What is known of a model where it bounds a call. Figures as the providers publish them, looked up 2026-11 at
 * https://platform.openai.com/docs/models (context and output) and
 * https://platform.openai.com/docs/guides/images-vision#calculating-costs (images), cross-checked with the model cards
 * of resellers. A figure that is too high only reserves more; one that is too low breaks the promise, so where a family has
 * several the greatest stands here.
 */
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
}

/** 8 tiles of 512 pixels (2048 x 768 after scaling) at 170 tokens, and 85 (GPT-4o's class). */
const TILES = 85 + 8 * 170;
/** GPT-4o mini: the same 8 tiles at 5667 tokens, and 2833. */
const TILES_MINI = 2833 + 8 * 5667;
/** Patches of 32 pixels, at most 1536 of them, times the greatest published multiplier (2.46). */
const PATCHES = Math.ceil(1536 * 2.46);
/** `detail: original`: at most 10 000 patches, times the same multiplier. */
const PATCHES_ORIGINAL = 10_000 * 2.46;

const openai = (contextTokens: number, maxOutputTokens: number, imageTokens: number): ModelFacts => ({
  contextTokens,
  maxOutputTokens,
  outputField: 'max_completion_tokens',
  imageTokens,
  overheadTokens: 256,
  tokensPerByte: 1,
});
const chat = (contextTokens: number, maxOutputTokens: number, imageTokens: number): ModelFacts => ({
  ...openai(contextTokens, maxOutputTokens, imageTokens),
  outputField: 'max_tokens',
});

/** By name, longest prefix first within a family: `gpt-4o-mini-2024-07-18` is found by `gpt-4o-mini`. */
const FAMILIES: readonly (readonly [prefix: string, facts: ModelFacts])[] = [
  ['gpt-5.6', openai(1_050_000, 128_000, PATCHES_ORIGINAL)],
  ['gpt-5.5', openai(1_050_000, 128_000, PATCHES_ORIGINAL)],
  ['gpt-5.4-mini', openai(400_000, 128_000, PATCHES_ORIGINAL)],
  ['gpt-5.4-nano', openai(400_000, 128_000, PATCHES_ORIGINAL)],
  ['gpt-5.4', openai(1_050_000, 128_000, PATCHES_ORIGINAL)],
  ['gpt-5.3', openai(400_000, 128_000, PATCHES_ORIGINAL)],
  ['gpt-5.2', openai(400_000, 128_000, PATCHES_ORIGINAL)],
  ['gpt-5.1-chat', openai(128_000, 16_384, PATCHES)],
  ['gpt-5.1', openai(400_000, 128_000, PATCHES)],
  ['gpt-5-chat', openai(128_000, 16_384, PATCHES)],
  ['gpt-5-pro', openai(400_000, 272_000, PATCHES)],
  ['gpt-5-', openai(400_000, 128_000, PATCHES)],
  ['gpt-4.1', chat(1_047_576, 32_768, PATCHES)],
  ['gpt-4o-mini', chat(128_000, 16_384, TILES_MINI)],
  ['gpt-4o', chat(128_000, 16_384, TILES)],
  ['gpt-4-turbo', chat(128_000, 4_096, TILES)],
  ['gpt-4-', chat(128_000, 4_096, TILES)],
  ['gpt-3.5-turbo', chat(16_385, 4_096, TILES)],
  ['o4-mini', openai(200_000, 100_000, PATCHES)],
  ['o3', openai(200_000, 100_000, PATCHES)],
  ['o1', openai(200_000, 100_000, PATCHES)],
];

/** A model of OpenAI's naming that is not in the table yet: byte-level BPE as all of theirs, but nothing else is taken for granted. */
const UNKNOWN_OPENAI: ModelFacts = {
  maxOutputTokens: 16_384,
  outputField: 'max_completion_tokens',
  imageTokens: 50_000,
  overheadTokens: 512,
  tokensPerByte: 1,
};

/** Any other: its tokenisation is not known, so a factor applies and exactness is not promised for it. */
const UNKNOWN: ModelFacts = {
  maxOutputTokens: 4_096,
  // Servers that speak OpenAI's protocol understand this one; several of them ignore the newer field.
  outputField: 'max_tokens',
  imageTokens: 50_000,
  overheadTokens: 1_024,
  tokensPerByte: 1.25,
};

/** What is known of a model by its name; safe assumptions where nothing is. */
export function factsOf(model: string): ModelFacts {
  const family = FAMILIES.find(([prefix]) => model.startsWith(prefix) || `${model}-` === prefix);
  if (family) return family[1];
  return /^(gpt-\d|o\d|chatgpt-)/.test(model) ? UNKNOWN_OPENAI : UNKNOWN;
}
