import type { BodyReader } from './answers/body-reader.ts';

/** What a call is counted as. */
export type CallOperation =
  | 'chat'
  | 'responses'
  | 'input_tokens'
  | 'embeddings'
  | 'images'
  | 'speech'
  | 'transcriptions'
  | 'translations'
  | 'moderations'
  | 'files'
  | 'models';

/** A call as it goes to the provider, with the upper bound of the tokens that it can take. */
export interface PreparedCall {
  readonly operation: CallOperation;
  /** The model that is called; for files and the list of models the Claw's own. */
  readonly model: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly accept?: string | undefined;
  readonly body?: Buffer | undefined;
  /** Of the body; JSON where absent. */
  readonly contentType?: string | undefined;
  /** 0 where the provider counts none: then the call costs a request. */
  readonly tokens: number;
  /** A smaller bound, at the cost of counting the text: asked for only where the call would have to wait. Absent where there is none to be had. */
  readonly tighten?: (() => Promise<number> | number) | undefined;
  /** The provider is asked first how many tokens the input is, in a call of its own. */
  readonly countFirst?: CountFirst | undefined;
  /** The agent did not ask for a stream's usage, so it does not see the chunk that holds it. */
  readonly hideUsage?: boolean;
  /** Reads a JSON document that the provider answers with 200, in place of a reader for its usage. */
  readonly document?: () => BodyReader;
  /** The agent asked for audio and gets it as this type; the provider was asked for events, as only they report what it cost. */
  readonly audioType?: string;
}

/** A call that counts input, with what it says made into a bound; where it fails the call's own `tokens` stand. */
export interface CountFirst {
  readonly path: string;
  readonly body: Buffer;
  readonly bound: (inputTokens: number) => number;
}

/** What the meter answers by itself: nothing is asked of the provider. */
export interface OwnAnswer {
  readonly ownAnswer: object;
}
