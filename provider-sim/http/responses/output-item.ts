type ItemStatus = 'in_progress' | 'completed' | 'incomplete';

export type ContentPart =
  | { type: 'output_text'; annotations: never[]; logprobs: never[]; text: string }
  | { type: 'refusal'; refusal: string };

export interface MessageItem {
  id: string;
  type: 'message';
  status: ItemStatus;
  role: 'assistant';
  content: ContentPart[];
}

export interface CallItem {
  id: string;
  type: 'function_call';
  status: ItemStatus;
  arguments: string;
  call_id: string;
  name: string;
}

export interface ReasoningItem {
  id: string;
  type: 'reasoning';
  summary: { type: 'summary_text'; text: string }[];
  encrypted_content?: string;
}

export type OutputItem = MessageItem | CallItem | ReasoningItem;

/** An event of a stream before it has its `sequence_number`. */
export interface ResponseEvent {
  readonly type: string;
  readonly [name: string]: unknown;
}

export interface ReasoningWish {
  readonly summary: boolean;
  readonly encrypted: boolean;
}
