/** What was said so far, in a form of our own that both APIs are written from (see turns/). */
export type Entry = SystemEntry | UserEntry | AssistantEntry | ToolEntry;

export interface SystemEntry {
  readonly role: 'system';
  readonly text: string;
}

export interface GivenImage {
  /** A data URL. */
  readonly url: string;
  readonly detail: 'auto' | 'low' | 'high';
}

export interface UserEntry {
  readonly role: 'user';
  readonly text: string;
  readonly images?: readonly GivenImage[];
}

export interface AssistantEntry {
  readonly role: 'assistant';
  readonly text: string;
  readonly calls: readonly ToolCall[];
  /** What the API gave beside text and calls and wants back as it was, for instance encrypted reasoning. */
  readonly carried?: readonly unknown[];
}

export interface ToolEntry {
  readonly role: 'tool';
  readonly callId: string;
  readonly name: string;
  readonly text: string;
}

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** JSON, as the model wrote it. */
  readonly arguments: string;
}

/** The conversation with a note at its very end, where every model reads it, whatever roles its template knows. The entries stay as they are. */
export function withNote(entries: readonly Entry[], note: string): Entry[] {
  const last = entries.at(-1);
  if (last === undefined || note === '') return [...entries];
  return [...entries.slice(0, -1), { ...last, text: `${last.text}\n\n[${note}]` }];
}
