import { countTokens as count, decode, encode } from 'gpt-tokenizer/encoding/o200k_base';

/** Text that only looks like a special token (`<|endoftext|>`) is text, as it is for the provider. */
const AS_TEXT = { disallowedSpecial: new Set<string>() };

/**
 * The tokenizer takes a run of letters, of signs or of blanks as one piece and is quadratic in its length (200,000 times the same
 * letter: 24 s), so longer runs are counted in slices. That can only raise the count, by at most a few tokens a slice.
 */
const LONGEST_RUN = 512;
const LONG_RUN = new RegExp(
  `[\\p{L}\\p{M}]{${LONGEST_RUN},}|[^\\s\\p{L}\\p{N}]{${LONGEST_RUN},}|\\s{${LONGEST_RUN},}`,
  'gu',
);

/** Tokens of `text` in o200k_base. */
export function countTokens(text: string): number {
  return sliced(text).reduce((sum, slice) => sum + count(slice, AS_TEXT), 0);
}

/** The tokens themselves. */
export function tokensOf(text: string): number[] {
  return sliced(text).flatMap((slice) => encode(slice, AS_TEXT));
}

/** A part of a text that ends on a whole character, and how many tokens it is. */
export interface TextPiece {
  readonly text: string;
  readonly tokens: number;
}

/** Cuts a text where a model would send it: one token a piece, more only where a character spans several tokens. */
export function* textPieces(text: string): Generator<TextPiece> {
  for (const slice of sliced(text)) yield* slicePieces(slice);
}

function* slicePieces(text: string): Generator<TextPiece> {
  let at = 0;
  let pending: number[] = [];
  for (const token of encode(text, AS_TEXT)) {
    pending.push(token);
    const piece = decode(pending);
    if (!text.startsWith(piece, at)) continue;
    yield { text: piece, tokens: pending.length };
    at += piece.length;
    pending = [];
  }
  // What UTF-8 cannot carry (half a surrogate pair) never decodes to itself.
  if (pending.length > 0) yield { text: text.slice(at), tokens: pending.length };
}

function sliced(text: string): string[] {
  const slices: string[] = [];
  let from = 0;
  for (const run of text.matchAll(LONG_RUN)) {
    if (run.index > from) slices.push(text.slice(from, run.index));
    const characters = Array.from(run[0]);
    for (let at = 0; at < characters.length; at += LONGEST_RUN)
      slices.push(characters.slice(at, at + LONGEST_RUN).join(''));
    from = run.index + run[0].length;
  }
  if (from < text.length) slices.push(text.slice(from));
  return slices;
}
