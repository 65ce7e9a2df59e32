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
  /** The agent did not ask for a stream's usage, so it does not see the chunk that holds it. */
  readonly hideUsage?: boolean;
  /** Reads a JSON document that the provider answers with 200, in place of a reader for its usage. */
  readonly document?: () => BodyReader;
  /** The agent asked for audio and gets it as this type; the provider was asked for events, as only they report what it cost. */
  readonly audioType?: string;
}

/** What the meter answers by itself: nothing is asked of the provider. */
export interface OwnAnswer {
  readonly ownAnswer: object;
}
