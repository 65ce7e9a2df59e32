import type { ImageRule } from './image-rule.ts';
import { imageSize, type ImageSize } from './image-size.ts';
import type { ModelFacts } from './model-facts.ts';

/** An image of a request to a language model: its data: URL, and the detail that the agent asks for. */
export interface InputImage {
  readonly url: string;
  readonly detail?: unknown;
}

/** Larger than what a decoder takes: it counts as the largest. */
const MOST_PIXELS_A_SIDE = 100_000;

/**
 * An upper bound of an image's tokens. Any detail but a plain `low` counts as the greatest (`auto` is the provider's choice), and `low` is known to be cheaper
 * only where images are counted by tiles alone. The formulas are those of https://platform.openai.com/docs/guides/images-vision#calculating-costs, as others quote them (2026-11).
 */
export function imageTokens({ url, detail }: InputImage, model: ModelFacts): number {
  const rule = model.images;
  if (rule === undefined) return model.imageTokens;
  if (detail === 'low' && rule.mostPatches === undefined) return Math.min(rule.base, model.imageTokens);
  const size = imageSize(url);
  if (size === undefined || Math.max(size.width, size.height) > MOST_PIXELS_A_SIDE) return model.imageTokens;
  return Math.min(model.imageTokens, Math.max(byTiles(size, rule), byPatches(size, rule)));
}

/**
 * Scaled into 2048 x 2048, then to 768 at the shorter side: up as well, as the guide's words can be read, though small images were seen to stay as they are.
 * A side that scaling made counts with a pixel more, for whichever way it is rounded.
 */
function byTiles({ width, height }: ImageSize, { tile, base }: ImageRule): number {
  const scale = Math.min(768 / Math.min(width, height), 2048 / Math.max(width, height));
  const tiles = (side: number): number => Math.ceil((scale === 1 ? side : Math.ceil(side * scale)) / 512);
  return base + tile * tiles(width) * tiles(height);
}

function byPatches({ width, height }: ImageSize, { mostPatches, multiplier }: ImageRule): number {
  if (mostPatches === undefined || multiplier === undefined) return 0;
  const patches = Math.ceil(width / 32) * Math.ceil(height / 32);
  return Math.ceil(Math.min(patches, mostPatches) * multiplier);
}
