import type { IncomingMessage } from 'node:http';
import * as z from 'zod/mini';
import type { Calls, Taken } from './calls.ts';
import type { PreparedCall } from './prepared-call.ts';

/** Of `POST /v1/responses/input_tokens` (https://platform.openai.com/docs/api-reference/responses/input-tokens). */
const counted = z.object({ input_tokens: z.number().check(z.int(), z.minimum(0)) });

const MOST_BYTES = 64 * 1024;

/**
 * The call with the bound that the provider's own count of its input gives, where it wants to be counted first: that is one more request, with a permit of its own. Where
 * the provider does not answer with a count the call keeps the bound that it has. Errors: `PermitRefused`, the signal's reason.
 */
export async function countedFirst(
  call: PreparedCall,
  calls: Calls,
  gone: AbortSignal,
): Promise<PreparedCall> {
  if (call.countFirst === undefined) return call;
  const { path, body, bound } = call.countFirst;
  const { model } = call;
  const counting: PreparedCall = { operation: 'input_tokens', model, method: 'POST', path, body, tokens: 0 };
  const { inputTokens } = await calls.make(counting, gone, readCount);
  return inputTokens === undefined ? call : { ...call, tokens: bound(inputTokens) };
}

async function readCount(answer: IncomingMessage): Promise<Taken & { inputTokens: number | undefined }> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= MOST_BYTES) chunks.push(chunk);
  }
  const parsed = answer.statusCode === 200 ? counted.safeParse(parseJson(Buffer.concat(chunks))) : undefined;
  return { usage: undefined, inputTokens: parsed?.success ? parsed.data.input_tokens : undefined };
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
