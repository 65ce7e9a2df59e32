import type { UsageCounts } from '#protocol/link-messages.ts';

/**
 * The counts in the `usage` object of a chat completion (https://platform.openai.com/docs/api-reference/chat/object), or undefined
 * where it reports none. Compatible servers leave fields out: a missing part follows from the others, and the total is
 * the larger of what is reported and the sum, so nothing is counted too low.
 */
export function usageCounts(usage: unknown): UsageCounts | undefined {
  const reported = record(usage);
  const input = count(reported.prompt_tokens);
  const output = count(reported.completion_tokens);
  const total = count(reported.total_tokens);
  if (input === undefined && output === undefined && total === undefined) return undefined;
  const inputTokens = input ?? Math.max(0, (total ?? 0) - (output ?? 0));
  const outputTokens = output ?? Math.max(0, (total ?? 0) - inputTokens);
  return {
    inputTokens,
    cachedTokens: Math.min(inputTokens, count(record(reported.prompt_tokens_details).cached_tokens) ?? 0),
    outputTokens,
    reasoningTokens: Math.min(
      outputTokens,
      count(record(reported.completion_tokens_details).reasoning_tokens) ?? 0,
    ),
    totalTokens: Math.max(total ?? 0, inputTokens + outputTokens),
  };
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
