import { z } from 'zod';
import { invalidParameter, ProviderError } from './provider-error.ts';
import { parseRequest } from './request-schema.ts';

const part = z.looseObject({ type: z.string(), text: z.string().optional() });
const content = z.union([z.string(), z.array(part)]);

const toolCall = z.looseObject({
  id: z.string(),
  type: z.string(),
  function: z.looseObject({ name: z.string(), arguments: z.string() }),
});

const message = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool', 'function']),
  content: content.nullish(),
  name: z.string().nullish(),
  tool_calls: z.array(toolCall).nullish(),
  tool_call_id: z.string().nullish(),
});

const tool = z.looseObject({
  type: z.string(),
  function: z
    .looseObject({
      name: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/),
      description: z.string().nullish(),
      parameters: z.looseObject({}).nullish(),
    })
    .optional(),
});

const outputLimit = z.int().min(1).nullish();

const schemaName = z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/);
const responseFormat = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text') }),
  z.looseObject({ type: z.literal('json_object') }),
  z.looseObject({
    type: z.literal('json_schema'),
    json_schema: z.looseObject({ name: schemaName, schema: z.looseObject({}).optional() }),
  }),
]);

const chatRequest = z.looseObject({
  model: z.string().min(1),
  messages: z.array(message).min(1),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  tools: z.array(tool).max(128).nullish(),
  tool_choice: z.unknown().optional(),
  n: z.int().min(1).max(128).nullish(),
  reasoning_effort: z.string().nullish(),
  response_format: responseFormat.nullish(),
  max_tokens: outputLimit,
  max_completion_tokens: outputLimit,
});

export type ChatMessage = z.infer<typeof message>;
export type Tool = z.infer<typeof tool>;

/** The parts of `POST /v1/chat/completions` that the simulator acts on; whatever else is sent is let through and ignored. */
export type ChatRequest = z.infer<typeof chatRequest>;

/** Reads a body as OpenAI would; throws its 400, which names the parameter in question. */
export function parseChatRequest(body: unknown): ChatRequest {
  const request = parseRequest(chatRequest, body);
  refuseLimitMistakes(request);
  refuseStreamOptionsAlone(request);
  refuseUnansweredTools(request.messages);
  if (request.response_format?.type === 'json_object') requireWordJson(request.messages, 'response_format');
  return request;
}

/** JSON mode without the word is refused by OpenAI, since its models then write blanks without end. */
export function requireWordJson(messages: readonly ChatMessage[], param: string): void {
  if (messages.some((message) => /json/i.test(textOf(message)))) return;
  throw invalidParameter(
    'messages',
    `'messages' must contain the word 'json' in some form, to use '${param}' of type 'json_object'.`,
  );
}

/** The text of a message, its text parts joined by newlines; images and the like have none. */
export function textOf({ content }: ChatMessage): string {
  if (typeof content === 'string') return content;
  return (content ?? []).flatMap((piece) => (piece.text === undefined ? [] : [piece.text])).join('\n');
}

/** The output limit of a call in tokens, for each of its `n` answers; undefined where none is set. */
export function outputLimitOf(request: ChatRequest): number | undefined {
  return request.max_completion_tokens ?? request.max_tokens ?? undefined;
}

function refuseLimitMistakes(request: ChatRequest): void {
  if (request.max_tokens == null) return;
  if (request.max_completion_tokens != null)
    throw new ProviderError(400, {
      message: "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
      type: 'invalid_request_error',
      code: 'invalid_parameter_combination',
    });
  if (/^(gpt-5|o\d)/.test(request.model))
    throw new ProviderError(400, {
      message:
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
      type: 'invalid_request_error',
      param: 'max_tokens',
      code: 'unsupported_parameter',
    });
}

function refuseStreamOptionsAlone(request: ChatRequest): void {
  if (request.stream_options != null && request.stream !== true)
    throw invalidParameter(
      'stream_options',
      "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
    );
}

/** Every tool call has to be answered right behind the message that made it, and nothing else may be. */
function refuseUnansweredTools(messages: readonly ChatMessage[]): void {
  let open = new Set<string>();
  for (const [at, { role, tool_calls, tool_call_id }] of messages.entries()) {
    if (role === 'tool') {
      if (!open.delete(tool_call_id ?? ''))
        throw invalidParameter(
          `messages[${at}].role`,
          "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
        );
      continue;
    }
    if (open.size > 0) throw unanswered(open);
    open = new Set(tool_calls?.map((call) => call.id));
  }
  if (open.size > 0) throw unanswered(open);
}

function unanswered(ids: ReadonlySet<string>): ProviderError {
  return invalidParameter(
    'messages',
    `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${[...ids].join(', ')}`,
  );
}
