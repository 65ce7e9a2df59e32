/** How a family of models counts an image; where both ways are given the greater counts. */
export interface ImageRule {
  /** Tokens of a tile of 512 pixels, and of every image beside them. */
  readonly tile: number;
  readonly base: number;
  /** Patches of 32 pixels: the most that an image is scaled down to, and what each costs. */
  readonly mostPatches?: number;
  readonly multiplier?: number;
}
