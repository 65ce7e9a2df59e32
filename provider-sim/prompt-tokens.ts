import { formatFunctionDefinitions } from 'gpt-tokenizer/functionCalling';
import { textOf, type ChatMessage, type Tool } from './chat-request.ts';
import type { Prompt } from './prompt.ts';
import { countTokens } from './tokens.ts';

/** `<|im_start|>role<|im_sep|>content<|im_end|>`: three tokens around role and content. */
const AROUND_MESSAGE = 3;
/** `<|im_start|>assistant<|im_sep|>`, after which the model goes on. */
const ANSWER_OPENING = 3;
const AROUND_TOOL_CALL = 3;
const AROUND_TOOLS = 9;
/** OpenAI's vision guide, 85 + 170 a tile of 512 × 512: a picture of unknown size counts as 1024 × 1024. */
const IMAGE = { low: 85, high: 85 + 4 * 170 };

/**
 * Tokens of the prompt: messages in ChatML, as gpt-tokenizer's `encodeChat` has them, tools as the TypeScript namespace into which
 * OpenAI renders them, the schema of the answer as its JSON (https://github.com/niieani/gpt-tokenizer, `functionCalling`).
 */
export function promptTokens({ messages, tools, format }: Prompt): number {
  const ofMessages = messages.reduce((sum, message) => sum + messageTokens(message), ANSWER_OPENING);
  const ofSchema = format?.type === 'json_schema' ? countTokens(JSON.stringify(format.schema) ?? '') : 0;
  return ofMessages + toolTokens(tools ?? []) + ofSchema;
}

function messageTokens(message: ChatMessage): number {
  const ofCalls = (message.tool_calls ?? []).map(({ function: { name, arguments: args } }) =>
    toolCallTokens(name, args),
  );
  return [
    AROUND_MESSAGE + countTokens(message.role) + countTokens(textOf(message)),
    message.name == null ? 0 : countTokens(message.name) + 1,
    imageTokens(message),
    ...ofCalls,
  ].reduce((sum, tokens) => sum + tokens);
}

/** What a tool call is, both where the model makes it and where the conversation repeats it. */
export function toolCallTokens(name: string, args: string): number {
  return toolCallOpening(name) + countTokens(args);
}

export function toolCallOpening(name: string): number {
  return AROUND_TOOL_CALL + countTokens(name);
}

function imageTokens({ content }: ChatMessage): number {
  if (!Array.isArray(content)) return 0;
  return content
    .filter((part) => part.type === 'image_url')
    .map((part) =>
      (part['image_url'] as { detail?: string } | undefined)?.detail === 'low' ? IMAGE.low : IMAGE.high,
    )
    .reduce((sum, tokens) => sum + tokens, 0);
}

function toolTokens(tools: readonly Tool[]): number {
  const functions = tools.flatMap((tool) => (tool.function ? [tool.function] : []));
  if (functions.length === 0) return 0;
  return countTokens(definitionsOf(functions)) + AROUND_TOOLS;
}

function definitionsOf(functions: readonly object[]): string {
  try {
    return formatFunctionDefinitions(functions as Parameters<typeof formatFunctionDefinitions>[0]);
  } catch {
    // A schema of a shape that the renderer does not know: what was sent is what is counted.
    return JSON.stringify(functions);
  }
}
