import type { ProviderError } from '../provider-error.ts';

/** A part of an answer, in the order in which it is sent. */
export type Part =
  | { readonly kind: 'text'; readonly text: string; readonly perSecond?: number | undefined }
  | {
      readonly kind: 'call';
      readonly name: string;
      readonly args: string;
      readonly perSecond?: number | undefined;
    }
  | { readonly kind: 'wait'; readonly ms: number };

/** How an answer ends before its time: after so many tokens, or (undefined) in place of any answer. */
export type Spoiler = { readonly afterTokens: number | undefined } & (
  { readonly kind: 'cut' } | { readonly kind: 'fail'; readonly error: ProviderError }
);

/** What the simulated model is going to do with one request. */
export interface Plan {
  readonly parts: readonly Part[];
  readonly spoiler?: Spoiler | undefined;
  /** False: the answer does not say what it used, like some compatible servers. */
  readonly reportsUsage: boolean;
}
