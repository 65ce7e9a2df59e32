import type { BookedCall } from './judge.ts';

/** The fields of a line of the simulator's books that the judge reads. */
export interface BooksLine {
  readonly arrivedMs: number;
  readonly operation: string | null;
  readonly keyFingerprint: string | null;
  readonly note: string | null;
  readonly totalTokens: number;
}

/** The call of a line, or none where no model was called: a key that is verified asks for the list of models. */
export function booked(line: BooksLine): BookedCall[] {
  if (line.operation === 'models') return [];
  const { arrivedMs: atMs, totalTokens: tokens, note: claw, keyFingerprint: key } = line;
  return [{ atMs, tokens, claw, key }];
}
