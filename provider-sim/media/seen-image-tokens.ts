import type { ImageFacts } from '../image-facts.ts';

/** How closely a picture is looked at. */
export type Detail = 'low' | 'high' | 'auto' | 'original';

type Size = Pick<ImageFacts, 'width' | 'height'>;

/** Of tiles of 512 pixels: so many for the picture, and so many for each tile. */
interface Tiles {
  readonly kind: 'tiles';
  readonly base: number;
  readonly tile: number;
}

/** Of patches of 32 pixels; each counts as `multiplier` tokens. By detail the most of them, and the longest side, that a picture is scaled down to. */
interface Patches {
  readonly kind: 'patches';
  readonly multiplier: number;
  readonly high: Room;
  readonly original: Room;
  readonly auto: Room;
}

interface Room {
  readonly patches: number;
  readonly side: number;
}

const tiles = (base: number, tile: number): Tiles => ({ kind: 'tiles', base, tile });
const room = (most: number, side: number): Room => ({ patches: most, side });
const patches = (multiplier: number, high = room(1536, Infinity), original = high, auto = high): Patches => ({
  kind: 'patches',
  multiplier,
  high,
  original,
  auto,
});

const CLOSE = room(2500, 2048);
const LARGE = room(10_000, 6000);
/** The provider refuses what has more; it is no more than that here. */
const UNSCALED = room(30_000, 65_535);

/**
 * By the beginning of the name, the first that fits. The rules are those of https://platform.openai.com/docs/guides/images-vision as others quote them (2026-11); multipliers
 * where what was charged is known are that: GPT-5.4 on 1.2 (https://community.openai.com/t/1377015, https://github.com/vybestack/llxprt-code/pull/3483), else what is
 * published (https://github.com/xn1cklas/tokenlens/issues/7), which is the greater.
 */
const FAMILIES: readonly (readonly [beginning: RegExp, count: Tiles | Patches])[] = [
  [/^gpt-(5\.[6-9]|[6-9])/, patches(1.2, CLOSE, UNSCALED, UNSCALED)],
  [/^gpt-5\.5/, patches(1.2, CLOSE, LARGE, LARGE)],
  [/^gpt-5\.4(?!-mini|-nano)/, patches(1.2, CLOSE, LARGE)],
  [/^gpt-5\.[23]/, patches(1.2)],
  [/^gpt-(4\.1|5|5\.\d)-mini/, patches(1.62)],
  [/^gpt-(4\.1|5|5\.\d)-nano/, patches(2.46)],
  [/^o4-mini/, patches(1.72)],
  [/^gpt-4o-mini/, tiles(2833, 5667)],
  [/^gpt-5/, tiles(70, 140)],
  [/^o[13]/, tiles(75, 150)],
  [/^computer-use/, tiles(65, 129)],
];
const OTHERS = tiles(85, 170);

/** What a picture that a model looks at counts as input. */
export function seenImageTokens(model: string, size: Size, detail: Detail): number {
  const count = FAMILIES.find(([beginning]) => beginning.test(model))?.[1] ?? OTHERS;
  if (count.kind === 'tiles') return count.base + (detail === 'low' ? 0 : count.tile * tilesOf(size));
  const { patches: most, side } = detail === 'low' ? room(count.high.patches, 512) : count[detail];
  return Math.ceil(patchesOf(within(size, side), most) * count.multiplier);
}

/** Scaled down into a square of 2048 pixels, then to 768 pixels of the shorter side; the tiles of 512 that this takes. */
function tilesOf(size: Size): number {
  const square = within(size, 2048);
  const scale = Math.min(1, 768 / Math.min(square.width, square.height));
  return Math.ceil((square.width * scale) / 512) * Math.ceil((square.height * scale) / 512);
}

const PATCH = 32;

/** The patches that cover it; where they are more than `most`, those of the picture scaled down until whole patches fit. */
function patchesOf({ width, height }: Size, most: number): number {
  const all = Math.ceil(width / PATCH) * Math.ceil(height / PATCH);
  if (all <= most) return all;
  const shrink = Math.sqrt((PATCH * PATCH * most) / (width * height));
  const [across, down] = [(width * shrink) / PATCH, (height * shrink) / PATCH];
  const whole = shrink * Math.min(Math.floor(across) / across, Math.floor(down) / down);
  return Math.min(most, Math.ceil((width * whole) / PATCH) * Math.ceil((height * whole) / PATCH));
}

function within({ width, height }: Size, side: number): Size {
  const scale = Math.min(1, side / Math.max(width, height));
  return { width: width * scale, height: height * scale };
}
