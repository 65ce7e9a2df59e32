import type { Entry } from '../conversation.ts';
import type { ToolDefinition } from '../turns/model-turns.ts';

/** On the safe side of English (about 4.3) and of code (about 3.6 with o200k_base); other scripts have fewer bytes a token, for which the provider's own refusal is the net. */
const BYTES_PER_TOKEN = 3.5;
const IMAGE_TOKENS = { low: 100, auto: 1_600, high: 1_600 } as const;
/** Roles, separators, ids. */
const ENTRY_TOKENS = 12;

/** Tokens that an entry is likely to cost. */
export function entryTokens(entry: Entry): number {
  const images = entry.role === 'user' ? (entry.images ?? []) : [];
  const bytes =
    Buffer.byteLength(entry.text) +
    (entry.role === 'assistant' ? Buffer.byteLength(JSON.stringify(entry.carried ?? entry.calls)) : 0);
  return (
    ENTRY_TOKENS +
    Math.ceil(bytes / BYTES_PER_TOKEN) +
    images.reduce((sum, { detail }) => sum + IMAGE_TOKENS[detail], 0)
  );
}

export function conversationTokens(entries: readonly Entry[]): number {
  return entries.reduce((sum, entry) => sum + entryTokens(entry), 0);
}

export function definitionTokens(tools: readonly ToolDefinition[]): number {
  return Math.ceil(Buffer.byteLength(JSON.stringify(tools)) / BYTES_PER_TOKEN);
}
