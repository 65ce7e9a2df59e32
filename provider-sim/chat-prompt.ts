import type { ChatRequest } from './chat-request.ts';
import { tokensOfEffort, type Prompt } from './prompt.ts';

/** What the model is given. */
export function promptOfChat(request: ChatRequest): Prompt {
  const { model, messages, tools, tool_choice, response_format: format, reasoning_effort: effort } = request;
  return {
    model,
    messages,
    tools,
    tool_choice,
    format:
      format?.type === 'json_schema'
        ? { type: 'json_schema', schema: format.json_schema.schema ?? {} }
        : (format ?? undefined),
    reasoningTokens: tokensOfEffort(effort),
  };
}
