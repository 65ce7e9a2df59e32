import type { ProviderError } from '../provider-error.ts';

/** A part of an answer, in the order in which it is sent. */
export type Part =
  | {
      readonly kind: 'text';
      readonly text: string;
      /** The model declines: the text goes where clients look for refusals. */
      readonly refusal?: boolean | undefined;
      readonly perSecond?: number | undefined;
    }
  | {
      readonly kind: 'call';
      readonly name: string;
      readonly args: string;
      readonly perSecond?: number | undefined;
    }
  | { readonly kind: 'reason'; readonly tokens: number; readonly perSecond?: number | undefined }
  | { readonly kind: 'wait'; readonly ms: number };

/** How an answer ends before its time: after so many tokens, or (undefined) in place of any answer. */
export type Spoiler = { readonly afterTokens: number | undefined } & (
  { readonly kind: 'cut' } | { readonly kind: 'fail'; readonly error: ProviderError }
);

/** How an answer goes over the wire, where that is out of the ordinary. */
export interface Manners {
  /** How long the status line and the headers are held back. */
  readonly slowHeadersMs?: number | undefined;
  /** A header of a mebibyte. */
  readonly bigHeader?: boolean | undefined;
  /** The JSON, or one event of a stream, ends in its middle. */
  readonly malformedJson?: boolean | undefined;
  /** The body comes in pieces of so many bytes. */
  readonly trickle?: { readonly bytes: number; readonly everyMs: number } | undefined;
  /** The connection breaks in the middle of the body. */
  readonly cutHalfway?: boolean | undefined;
}

/** What the simulated model is going to do with one request. */
export interface Plan {
  readonly parts: readonly Part[];
  readonly spoiler?: Spoiler | undefined;
  /** False: the answer does not say what it used, like some compatible servers. */
  readonly reportsUsage: boolean;
  /** The reason that the answer ends with, where the script names it. */
  readonly finish?: 'length' | 'content_filter' | undefined;
  readonly manners?: Manners | undefined;
  /** Goes into the books. */
  readonly note?: string | undefined;
}
