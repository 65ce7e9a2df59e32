import { formatFunctionDefinitions } from 'gpt-tokenizer/functionCalling';
import { textOf, type ChatMessage, type Tool } from './chat-request.ts';
import { audioFacts } from './media/audio-facts.ts';
import { seenImageTokens, type Detail } from './media/seen-image-tokens.ts';
import { seenImage } from './model/images-in.ts';
import type { Prompt } from './prompt.ts';
import { countTokens } from './tokens.ts';

/** `<|im_start|>role<|im_sep|>content<|im_end|>`: three tokens around role and content. */
const AROUND_MESSAGE = 3;
/** `<|im_start|>assistant<|im_sep|>`, after which the model goes on. */
const ANSWER_OPENING = 3;
const AROUND_TOOL_CALL = 3;
const AROUND_TOOLS = 9;
/** A picture behind a URL is not fetched, and what is no picture has no size: both count as one of this many pixels. */
const UNSEEN = { width: 1024, height: 1024 };
/** Tokens of a second of sound in a conversation (https://platform.openai.com/docs/guides/audio). */
const AUDIO_TOKENS_A_SECOND = 10;

/**
 * Tokens of the prompt: messages in ChatML, as gpt-tokenizer's `encodeChat` has them, tools as the TypeScript namespace into which
 * OpenAI renders them, the schema of the answer as its JSON (https://github.com/niieani/gpt-tokenizer, `functionCalling`), pictures by the model, their
 * size and detail.
 */
export function promptTokens({ model, messages, tools, format }: Prompt): number {
  const ofMessages = messages.reduce((sum, message) => sum + messageTokens(message, model), ANSWER_OPENING);
  const ofSchema = format?.type === 'json_schema' ? countTokens(JSON.stringify(format.schema) ?? '') : 0;
  return ofMessages + toolTokens(tools ?? []) + ofSchema;
}

function messageTokens(message: ChatMessage, model: string): number {
  const ofCalls = (message.tool_calls ?? []).map(({ function: { name, arguments: args } }) =>
    toolCallTokens(name, args),
  );
  return [
    AROUND_MESSAGE + countTokens(message.role) + countTokens(textOf(message)),
    message.name == null ? 0 : countTokens(message.name) + 1,
    ...partsOf(message).map((part) => mediaTokens(part, model)),
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

type Part = Exclude<NonNullable<ChatMessage['content']>, string>[number];

const partsOf = ({ content }: ChatMessage): readonly Part[] => (Array.isArray(content) ? content : []);

function mediaTokens(part: Part, model: string): number {
  if (part.type === 'image_url') {
    const { url, detail } = (part['image_url'] ?? {}) as { url?: unknown; detail?: Detail };
    const image = typeof url === 'string' ? seenImage(url) : 'unknown';
    return seenImageTokens(model, typeof image === 'string' ? UNSEEN : image, detail ?? 'auto');
  }
  if (part.type !== 'input_audio') return 0;
  const { data } = (part['input_audio'] ?? {}) as { data?: unknown };
  const sound = audioFacts(Buffer.from(String(data), 'base64'));
  return Math.ceil((sound?.seconds ?? 0) * AUDIO_TOKENS_A_SECOND);
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
