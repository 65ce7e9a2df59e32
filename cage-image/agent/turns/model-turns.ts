import type { Entry, ToolCall } from '../conversation.ts';

/** A tool as the model gets to know it; `parameters` is a JSON schema. */
export interface ToolDefinition {
  readonly name: string;
  readonly description: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** The form that the API is asked to hold the model to. */
export type WireForm =
  | { readonly type: 'text' }
  | { readonly type: 'json' }
  | {
      readonly type: 'json_schema';
      readonly schema: Readonly<Record<string, unknown>>;
      readonly strict: boolean;
    };

export interface TurnRequest {
  readonly entries: readonly Entry[];
  readonly tools: readonly ToolDefinition[];
  /** False: the tools stay known, but may not be called. */
  readonly mayCall: boolean;
  readonly form: WireForm;
  /** Gets each piece of text as it comes, also of a refusal. */
  readonly onText: (text: string) => void;
  /** Called for each piece that comes, text or not. */
  readonly onSign?: (() => void) | undefined;
  /** Ends the call. */
  readonly signal?: AbortSignal | undefined;
}

/** What the model said in one step. */
export interface Turn {
  readonly text: string;
  readonly refusal: string;
  readonly calls: readonly ToolCall[];
  /** `length`: it reached its output limit; `filtered`: the provider held it back. */
  readonly ending: 'done' | 'length' | 'filtered';
  /** See `AssistantEntry.carried`. */
  readonly carried?: readonly unknown[];
}

/** One step of a model, by one of the provider's APIs. Reasoning is never part of the text. */
export interface ModelTurns {
  /** Throws `BrokenOff` for an answer that ends on its way, the client's errors, or a coded one. */
  next(request: TurnRequest): Promise<Turn>;
}
