import * as z from 'zod/mini';
import type { UsageCounts } from '#protocol/link-messages.ts';
import type { CallOperation } from '../prepared-call.ts';

const count = z.number().check(z.int(), z.minimum(0));

/** Of a chat completion (https://platform.openai.com/docs/api-reference/chat/object); servers that count no details leave them out. */
const ofChat = z.object({
  prompt_tokens: count,
  completion_tokens: count,
  total_tokens: count,
  prompt_tokens_details: z.nullish(z.object({ cached_tokens: z.nullish(count) })),
  completion_tokens_details: z.nullish(z.object({ reasoning_tokens: z.nullish(count) })),
});

/** Of responses, images, speech and transcriptions. */
const ofOthers = z.object({
  input_tokens: count,
  output_tokens: count,
  total_tokens: count,
  input_tokens_details: z.nullish(z.object({ cached_tokens: z.nullish(count) })),
  output_tokens_details: z.nullish(z.object({ reasoning_tokens: z.nullish(count) })),
});

const ofEmbeddings = z.object({ prompt_tokens: count, total_tokens: count });

/** Of models that are charged by the minute (`whisper-1`): no tokens. */
const ofDuration = z.object({ type: z.literal('duration'), seconds: z.number() });

/**
 * The counts that the provider reported, or undefined where it reported none that make sense for the operation: without a total, with one less than its parts, with a
 * negative or broken number. What is not understood is not counted by half.
 */
export function readUsage(value: unknown, operation: CallOperation): UsageCounts | undefined {
  if (operation === 'chat') return chatUsage(value);
  if (operation === 'embeddings') {
    const parsed = ofEmbeddings.safeParse(value);
    return parsed.success ? counts(parsed.data.prompt_tokens, 0, parsed.data) : undefined;
  }
  const isAudio = operation === 'transcriptions' || operation === 'translations';
  if (isAudio && ofDuration.safeParse(value).success) return counts(0, 0, { total_tokens: 0 });
  const parsed = ofOthers.safeParse(value);
  // Some servers know one form of usage only.
  if (!parsed.success) return chatUsage(value);
  const { input_tokens: input, output_tokens: output, ...more } = parsed.data;
  return counts(input, output, {
    ...more,
    cached: more.input_tokens_details?.cached_tokens,
    reasoning: more.output_tokens_details?.reasoning_tokens,
  });
}

/** Both together. */
export function addUsage(one: UsageCounts | undefined, other: UsageCounts): UsageCounts {
  if (one === undefined) return other;
  return {
    inputTokens: one.inputTokens + other.inputTokens,
    cachedTokens: one.cachedTokens + other.cachedTokens,
    outputTokens: one.outputTokens + other.outputTokens,
    reasoningTokens: one.reasoningTokens + other.reasoningTokens,
    totalTokens: one.totalTokens + other.totalTokens,
  };
}

function chatUsage(value: unknown): UsageCounts | undefined {
  const parsed = ofChat.safeParse(value);
  if (!parsed.success) return undefined;
  const { prompt_tokens: input, completion_tokens: output, ...more } = parsed.data;
  return counts(input, output, {
    ...more,
    cached: more.prompt_tokens_details?.cached_tokens,
    reasoning: more.completion_tokens_details?.reasoning_tokens,
  });
}

interface More {
  readonly total_tokens: number;
  readonly cached?: number | null | undefined;
  readonly reasoning?: number | null | undefined;
}

/** A total that is less than its parts tells nothing: it may be either that is wrong. More than their sum are tokens of another kind, which count. */
function counts(input: number, output: number, more: More): UsageCounts | undefined {
  if (more.total_tokens < input + output) return undefined;
  return {
    inputTokens: input,
    cachedTokens: more.cached ?? 0,
    outputTokens: output,
    reasoningTokens: more.reasoning ?? 0,
    totalTokens: more.total_tokens,
  };
}
