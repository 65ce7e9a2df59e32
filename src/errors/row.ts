export type Verdict = 'final' | 'retryable' | 'unknown';

/** What the table says of one code. */
export interface Row {
  readonly message: string;
  readonly status: number;
  readonly verdict: Verdict;
}
