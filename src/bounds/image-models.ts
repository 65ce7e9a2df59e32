/**
 * What one image costs in tokens. Of gpt-image-1 as in https://platform.openai.com/docs/guides/image-generation ("Cost and latency"), checked 2026-11 against the prices of an image
 * that resellers repeat and against what was charged (https://community.openai.com/t/1281361); of gpt-image-2 as the provider's calculator has it
 * (https://community.openai.com/t/1382699, and the figures in https://community.openai.com/t/1379464). A figure that is too high only reserves more.
 */
export interface ImageModel {
  /** The most image tokens of one image of that quality and size; undefined where the model takes no such thing. */
  readonly outputTokens: (quality: string, size: string) => number;
  /** The most text tokens that the model writes (and charges) beside one image. */
  readonly outputText: number;
  /** The most that one image costs as input, at the highest fidelity. */
  readonly inputTokens: number;
}

/** Each partial image of a stream costs so many output tokens more. */
export const PARTIAL_IMAGE_TOKENS = 100;

const QUALITIES = ['low', 'medium', 'high'] as const;
type Quality = (typeof QUALITIES)[number];
/** `auto`, absent and whatever is not known may come out as the highest. */
const qualityOf = (text: string): Quality => QUALITIES.find((quality) => quality === text) ?? 'high';

const SIZES: Readonly<Record<string, Readonly<Record<Quality, number>>>> = {
  '1024x1024': { low: 272, medium: 1056, high: 4160 },
  '1024x1536': { low: 408, medium: 1584, high: 6240 },
  '1536x1024': { low: 400, medium: 1568, high: 6208 },
};
const LARGEST = { low: 408, medium: 1584, high: 6240 } as const;
const bySize = (quality: string, size: string): number => (SIZES[size] ?? LARGEST)[qualityOf(quality)];

/** 65 and 129 for each tile of 512 pixels, of which 16 are more than any image has, and 6144 for high fidelity. */
const INPUT_TILES = 65 + 16 * 129 + 6144;

const FACTORS = { low: 16, medium: 48, high: 96 } as const;
/** A square of the greatest area, 3840 x 2160 pixels. */
const MOST_PIXELS = 8_294_400;

/** Grows with the shorter side's share of the longer, and with the area. */
function byArea(quality: string, size: string): number {
  const factor = FACTORS[qualityOf(quality)];
  const [width, height] = /^(\d{1,5})x(\d{1,5})$/.exec(size)?.slice(1).map(Number) ?? [];
  const known = width !== undefined && height !== undefined && width > 0 && height > 0;
  const pixels = known ? Math.max(width * height, 655_360) : MOST_PIXELS;
  const share = known ? Math.round((factor * Math.min(width, height)) / Math.max(width, height)) : factor;
  return Math.ceil((factor * Math.max(share, 1) * (2_000_000 + pixels)) / 4_000_000);
}

/** By name, the longer prefix first. */
const FAMILIES: readonly (readonly [prefix: string, model: ImageModel])[] = [
  ['gpt-image-1.5', { outputTokens: bySize, outputText: 4_096, inputTokens: INPUT_TILES }],
  ['gpt-image-1', { outputTokens: bySize, outputText: 0, inputTokens: INPUT_TILES }],
  ['gpt-image-2', { outputTokens: byArea, outputText: 4_096, inputTokens: 16_384 }],
];

/** Whatever is not known costs no less than the dearest that is. */
const UNKNOWN: ImageModel = { outputTokens: () => 32_768, outputText: 4_096, inputTokens: 32_768 };

/** The tokens of an image model; undefined for those that are charged by the image and report none (DALL-E). */
export function imageModelOf(model: string): ImageModel | undefined {
  if (/^dall-e-[23]$/.test(model)) return undefined;
  // gpt-image-2.5 and later are not known, though their names begin alike.
  const known = FAMILIES.find(([prefix]) => model === prefix || model.startsWith(`${prefix}-`));
  return known?.[1] ?? UNKNOWN;
}

/** When the figures of an image model were looked up; undefined where safe assumptions stand in. */
export const imagesKnownSince = (model: string): string | undefined =>
  imageModelOf(model) === UNKNOWN ? undefined : '2026-11';
