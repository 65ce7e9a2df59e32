import type { ImageFacts } from '../image-facts.ts';

export type Quality = 'low' | 'medium' | 'high';

/** Output tokens of a picture by quality for square, and for other sizes (https://platform.openai.com/docs/guides/image-generation#cost-and-latency; they agree with the prices of an image, 2026-11). */
const SQUARE: Record<Quality, number> = { low: 272, medium: 1056, high: 4160 };
const TALL: Record<Quality, number> = { low: 408, medium: 1584, high: 6240 };
const WIDE: Record<Quality, number> = { low: 400, medium: 1568, high: 6208 };

/** An unfinished picture of a stream. */
export const PARTIAL_IMAGE_TOKENS = 100;

export function outputImageTokens(width: number, height: number, quality: Quality): number {
  if (width === height) return SQUARE[quality];
  return (width > height ? WIDE : TALL)[quality];
}

const BASE = 65;
const TILE = 129;
const TILE_PIXELS = 512;
const HIGH_FIDELITY = { square: 4160, other: 6240 };

/** Input tokens of a picture: its shorter side is scaled to 512 pixels, and the tiles of 512 × 512 are counted (GPT Image, same page). */
export function inputImageTokens(
  { width, height }: Pick<ImageFacts, 'width' | 'height'>,
  high: boolean,
): number {
  const scale = TILE_PIXELS / Math.min(width, height);
  const tiles = Math.ceil((width * scale) / TILE_PIXELS) * Math.ceil((height * scale) / TILE_PIXELS);
  const fidelity = high ? (width === height ? HIGH_FIDELITY.square : HIGH_FIDELITY.other) : 0;
  return BASE + TILE * Math.min(tiles, 4) + fidelity;
}
