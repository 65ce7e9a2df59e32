import * as z from 'zod/mini';
import type { UsageCounts } from '#protocol/link-messages.ts';

const count = z.number().check(z.int(), z.minimum(0));

/** The `usage` of a chat completion (https://platform.openai.com/docs/api-reference/chat/object); servers that count no details leave them out. */
const reported = z.object({
  prompt_tokens: count,
  completion_tokens: count,
  total_tokens: z.optional(count),
  prompt_tokens_details: z.nullish(z.object({ cached_tokens: z.nullish(count) })),
  completion_tokens_details: z.nullish(z.object({ reasoning_tokens: z.nullish(count) })),
});

/** The counts that the provider reported, or undefined where it reported none that make sense. */
export function readUsage(value: unknown): UsageCounts | undefined {
  const parsed = reported.safeParse(value);
  if (!parsed.success) return undefined;
  const usage = parsed.data;
  return {
    inputTokens: usage.prompt_tokens,
    cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
    outputTokens: usage.completion_tokens,
    reasoningTokens: usage.completion_tokens_details?.reasoning_tokens ?? 0,
    totalTokens: Math.max(usage.total_tokens ?? 0, usage.prompt_tokens + usage.completion_tokens),
  };
}
