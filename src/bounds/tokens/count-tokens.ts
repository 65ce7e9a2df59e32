import { Buffer } from 'node:buffer';
import type { Encoding } from './encoding.ts';

/** Longer pieces (a run of letters without an end) count by their bytes: merging is quadratic in the length of a piece. */
const LONGEST_PIECE_BYTES = 256;
/**
 * What counting may cost in all, in some microseconds of a processor that has not warmed up: every further piece that is no token counts by its bytes. A number and not a
 * time, so that the same text gets the same bound everywhere.
 */
const MOST_WORK = 8_000;
/** To cut off a piece and look it up. */
const PIECE_WORK = 0.115;

/** Text that a server may take for a special token would be cut elsewhere. */
const SPECIAL = /<\|[a-z_]+\|>/i;
/** Blank for this language and not for the one that tokenisers are written in (U+FEFF), or the reverse (U+0085). */
const OTHERWISE_BLANK = /[\u0085\ufeff]/;
/**
 * Where both encodings cut, whatever stands before and after: no piece goes on over a blank after something that is none, and none that ends in a letter
 * goes on with what is neither letter, mark nor apostrophe. Half of a letter, which the end of what is searched may leave, may be any of these.
 */
const CERTAIN_CUT = /(?<=\S)(?= )|(?<=\p{L})(?=[^\p{L}\p{M}\p{Cs}'])/gu;

/** What is left of the work that counting may be, over all texts of one call. */
export class Work {
  left = MOST_WORK;
}

/**
 * Never less tokens than `text` has, alone or as a part of a longer text: what stands before its first certain cut and behind its last one may be merged with
 * what the provider puts beside it, and counts by its bytes (a token is a byte or more). In between the count is exact but where it would take too
 * long, and there it is the bytes again.
 */
export function mostTokens(text: string, encoding: Encoding, work = new Work()): number {
  const bytes = Buffer.byteLength(text);
  if (SPECIAL.test(text) || OTHERWISE_BLANK.test(text)) return bytes;
  const [from, to] = certainCuts(text);
  if (from >= to) return bytes;
  const edges = Buffer.byteLength(text.slice(0, from)) + Buffer.byteLength(text.slice(to));
  return edges + between(text.slice(from, to), encoding, work);
}

/** How far behind the start and before the end a certain cut is looked for. */
const EDGE = 256;

function certainCuts(text: string): [from: number, to: number] {
  CERTAIN_CUT.lastIndex = 0;
  const first = CERTAIN_CUT.exec(text.length > EDGE ? text.slice(0, EDGE) : text)?.index;
  const start = Math.max(0, text.length - EDGE);
  CERTAIN_CUT.lastIndex = 0;
  let last: number | undefined;
  for (const cut of text.slice(start).matchAll(CERTAIN_CUT)) if (cut.index > 0) last = start + cut.index;
  return first === undefined || last === undefined ? [0, 0] : [first, last];
}

function between(text: string, { pieces, ranks }: Encoding, work: Work): number {
  let count = 0;
  pieces.lastIndex = 0;
  while (pieces.lastIndex < text.length) {
    const at = pieces.lastIndex;
    work.left -= PIECE_WORK;
    if (work.left < 0 || !pieces.test(text)) return count + Buffer.byteLength(text.slice(at));
    count += ofPiece(text.slice(at, pieces.lastIndex), ranks, work);
  }
  return count;
}

// Up to U+007F a text is its own bytes.
const PLAIN = /^\p{ASCII}*$/u;

function ofPiece(piece: string, ranks: Encoding['ranks'], work: Work): number {
  const bytes = PLAIN.test(piece) ? piece : Buffer.from(piece, 'utf8').toString('latin1');
  if (ranks.has(bytes)) return 1;
  const cost = bytes.length + (bytes.length * bytes.length) / 256;
  if (bytes.length > LONGEST_PIECE_BYTES || cost > work.left) return bytes.length;
  work.left -= cost;
  return merged(bytes, ranks);
}

const NONE = 0x7fff_ffff;
/** Where the parts of the piece at hand begin, and the rank of each part joined with the next; made once, since making them would take longer than most pieces. */
const starts = new Int32Array(LONGEST_PIECE_BYTES + 2);
const pairs = new Int32Array(LONGEST_PIECE_BYTES + 2);

/** Byte pair encoding: of all neighbours the pair of the lowest rank becomes one, until none is a token (https://github.com/openai/tiktoken, `byte_pair_merge`). */
function merged(bytes: string, ranks: Encoding['ranks']): number {
  let parts = bytes.length;
  const rankAt = (at: number): number => ranks.get(bytes.slice(starts[at], starts[at + 2])) ?? NONE;
  for (let at = 0; at <= parts; at++) starts[at] = at;
  for (let at = 0; at + 1 < parts; at++) pairs[at] = rankAt(at);
  for (;;) {
    let best = 0;
    let least = NONE;
    for (let at = 0; at + 1 < parts; at++) {
      if (pairs[at]! >= least) continue;
      least = pairs[at]!;
      best = at;
    }
    if (least === NONE) return parts;
    starts.copyWithin(best + 1, best + 2, parts + 1);
    pairs.copyWithin(best + 1, best + 2, parts);
    parts -= 1;
    if (best + 1 < parts) pairs[best] = rankAt(best);
    if (best > 0) pairs[best - 1] = rankAt(best - 1);
  }
}
