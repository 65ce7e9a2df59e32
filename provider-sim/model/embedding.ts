const ROUNDS = 8;

/**
 * A unit vector for a text's tokens, always the same one. Each token adds to eight places that its number chooses, so texts that share
 * tokens lie nearer to each other than such that share none.
 */
export function embed(tokens: readonly number[], dimensions: number): number[] {
  const vector = new Float64Array(dimensions);
  for (const token of tokens) {
    let state = (token + 1) >>> 0;
    for (let round = 0; round < ROUNDS; round++) {
      state = scrambled(state + round);
      vector[state % dimensions]! += state & 0x8000_0000 ? -1 : 1;
    }
  }
  const length = Math.hypot(...vector);
  if (length === 0) vector[0] = 1;
  return Array.from(vector, (value) => Math.fround(length === 0 ? value : value / length));
}

/** 32-bit finaliser of MurmurHash3 (public domain, Austin Appleby). */
function scrambled(value: number): number {
  let bits = value >>> 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85eb_ca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2_ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
