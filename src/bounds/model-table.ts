import type { ModelFacts } from './model-facts.ts';

/**
 * What is known of models where it bounds a call. A figure that is too high only reserves more; one that is too low breaks the promise, so where a family has
 * several the greatest stands here.
 *
 * Sources. Limits: the model cards of gateways and resellers, which repeat https://platform.openai.com/docs/models. Images:
 * https://platform.openai.com/docs/guides/images-vision as others quote it, and what its users were charged: see the notes beside the figures. Encodings:
 * https://github.com/openai/tiktoken (model.py) and https://github.com/niieani/gpt-tokenizer 4.0.
 */
const LOOKED_UP = '2026-11';

/** 8 tiles of 512 pixels (2048 x 768 after scaling) at 170 tokens, and 85 (GPT-4o's class; https://community.openai.com/t/1262691). */
const TILES = { images: { tile: 170, base: 85 }, imageTokens: 85 + 8 * 170 } as const;
/** GPT-4o mini: the same 8 tiles at 5667 tokens, and 2833 (same place). */
const TILES_MINI = { images: { tile: 5667, base: 2833 }, imageTokens: 2833 + 8 * 5667 } as const;

/**
 * Patches of 32 pixels, times 2.46: the greatest multiplier that was ever published (GPT-4.1 nano), since what is published and what is charged differ (GPT-5 mini: 1.62 and
 * 1.2, https://community.openai.com/t/1344040). Some of these families were seen to be charged by tiles (https://community.openai.com/t/1230130), so the
 * greater of both counts.
 */
const patches = (mostPatches: number) => ({
  images: { tile: 170, base: 85, mostPatches, multiplier: 2.46 },
  imageTokens: Math.ceil(mostPatches * 2.46),
});
const PATCHES = patches(1536);
/** `detail: original`: scaled down to 10 000 patches (https://github.com/openai/codex/pull/19865). */
const PATCHES_ORIGINAL = patches(10_000);
/** Nothing is scaled down unless the request asks for it; what has more than 30 000 patches is refused (https://github.com/Prism-Shadow/agenthub/pull/194). */
const PATCHES_UNSCALED = patches(30_000);
type Images = Pick<ModelFacts, 'images' | 'imageTokens'>;

const openai = (contextTokens: number, maxOutputTokens: number, images: Images): ModelFacts => ({
  contextTokens,
  maxOutputTokens,
  outputField: 'max_completion_tokens',
  ...images,
  overheadTokens: 256,
  tokensPerByte: 1,
  encoding: 'o200k_base',
  knownSince: LOOKED_UP,
});
const chat = (contextTokens: number, maxOutputTokens: number, images: Images): ModelFacts => ({
  ...openai(contextTokens, maxOutputTokens, images),
  outputField: 'max_tokens',
});
const older = (contextTokens: number, maxOutputTokens: number, images: Images): ModelFacts => ({
  ...chat(contextTokens, maxOutputTokens, images),
  encoding: 'cl100k_base',
});

/** Its tokeniser is not published. */
const newest = (contextTokens: number, maxOutputTokens: number, images: Images): ModelFacts => {
  const { encoding: _, ...facts } = openai(contextTokens, maxOutputTokens, images);
  return facts;
};

/** By name, longest prefix first within a family: `gpt-4o-mini-2024-07-18` is found by `gpt-4o-mini`. */
export const FAMILIES: readonly (readonly [prefix: string, facts: ModelFacts])[] = [
  ['gpt-6', newest(1_050_000, 128_000, PATCHES_UNSCALED)],
  ['gpt-5.6', openai(1_050_000, 128_000, PATCHES_UNSCALED)],
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
  ['gpt-4-turbo', older(128_000, 4_096, TILES)],
  ['gpt-4-', older(128_000, 4_096, TILES)],
  ['gpt-3.5-turbo', older(16_385, 4_096, TILES)],
  ['o4-mini', openai(200_000, 100_000, PATCHES)],
  ['o3', openai(200_000, 100_000, PATCHES)],
  ['o1', openai(200_000, 100_000, PATCHES)],
];

/** A model of OpenAI's naming that is not in the table yet: byte-level BPE as all of theirs, but nothing else is taken for granted; images cost no less than the dearest that are known. */
export const UNKNOWN_OPENAI: ModelFacts = {
  maxOutputTokens: 16_384,
  outputField: 'max_completion_tokens',
  images: { ...PATCHES_UNSCALED.images, ...TILES_MINI.images },
  imageTokens: PATCHES_UNSCALED.imageTokens,
  overheadTokens: 512,
  tokensPerByte: 1,
};

/** Any other: its tokenisation is not known, so a factor applies and exactness is not promised for it. */
export const UNKNOWN: ModelFacts = {
  maxOutputTokens: 4_096,
  // Servers that speak OpenAI's protocol understand this one; several of them ignore the newer field.
  outputField: 'max_tokens',
  imageTokens: 50_000,
  overheadTokens: 1_024,
  tokensPerByte: 1.25,
};
