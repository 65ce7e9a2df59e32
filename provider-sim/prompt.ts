import type { ChatMessage, Tool } from './chat-request.ts';

/** What form the answer has to have. */
export type AnswerFormat =
  | { readonly type: 'text' }
  | { readonly type: 'json_object' }
  | { readonly type: 'json_schema'; readonly schema: unknown };

/** What a model is given, whichever endpoint it came by. A chat request is one; the items of a response become messages. */
export interface Prompt {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly Tool[] | null | undefined;
  readonly tool_choice?: unknown;
  readonly format?: AnswerFormat | undefined;
  /** Tokens that the model thinks before it answers. */
  readonly reasoningTokens?: number | undefined;
}

/** How long a model of the simulator thinks at each effort, in tokens; not at all where none is asked for. */
const EFFORT: Record<string, number> = {
  minimal: 16,
  low: 64,
  medium: 128,
  high: 256,
  xhigh: 512,
  max: 1024,
};

export function tokensOfEffort(effort: unknown): number {
  return typeof effort === 'string' ? (EFFORT[effort] ?? 0) : 0;
}
