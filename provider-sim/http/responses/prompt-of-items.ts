import { requireWordJson, type ChatMessage, type Tool } from '../../chat-request.ts';
import { tokensOfEffort, type AnswerFormat, type Prompt } from '../../prompt.ts';
import { invalidParameter } from '../../provider-error.ts';
import type { InputItem, ResponsesRequest, ResponsesTool } from './responses-request.ts';

/**
 * What the model is given: the instructions, then the items as messages. What the model did in one call (text, calls of tools) is one
 * message of the assistant. Throws OpenAI's 400 for a call without its output and an output without its call.
 */
export function promptOfItems(request: ResponsesRequest, items: readonly InputItem[]): Prompt {
  refuseUnanswered(items);
  const { instructions } = request;
  const system: ChatMessage[] = instructions == null ? [] : [{ role: 'system', content: instructions }];
  const messages = [...system, ...messagesOf(items)];
  const format = formatOf(request);
  if (format?.type === 'json_object') requireWordJson(messages, 'text.format');
  return {
    model: request.model,
    messages,
    tools: (request.tools ?? []).map(toolOf),
    tool_choice: request.tool_choice,
    format,
    reasoningTokens: tokensOfEffort(request.reasoning?.effort),
  };
}

function messagesOf(items: readonly InputItem[]): ChatMessage[] {
  const messages: ChatMessage[] = [];
  for (const item of items) {
    if (item.type === 'reasoning' || item.type === 'item_reference') continue;
    if (item.type === 'function_call_output')
      messages.push({ role: 'tool', tool_call_id: item.call_id, content: contentOf(item.output) });
    else if (item.type !== 'function_call' && item.role !== 'assistant')
      messages.push({ role: item.role, content: contentOf(item.content) });
    else addToAnswer(messages, item);
  }
  return messages;
}

function addToAnswer(
  messages: ChatMessage[],
  item: Extract<InputItem, { type: 'function_call' } | { role: string }>,
): void {
  const last = messages.at(-1);
  const answer: ChatMessage = last?.role === 'assistant' ? last : { role: 'assistant' };
  if (answer !== last) messages.push(answer);
  if (item.type === 'function_call') {
    const call = {
      id: item.call_id,
      type: 'function',
      function: { name: item.name, arguments: item.arguments },
    };
    answer.tool_calls = [...(answer.tool_calls ?? []), call];
    return;
  }
  const parts = (content: ChatMessage['content']) =>
    typeof content === 'string' ? [{ type: 'text', text: content }] : (content ?? []);
  answer.content =
    answer.content == null
      ? contentOf(item.content)
      : [...parts(answer.content), ...parts(contentOf(item.content))];
}

function contentOf(
  content: string | readonly { readonly type: string; readonly [name: string]: unknown }[],
): string | { type: string; text?: string; image_url?: object }[] {
  if (typeof content === 'string') return content;
  return content.map((part) => {
    const text = part['text'] ?? part['refusal'];
    if (typeof text === 'string') return { type: 'text', text };
    if (part.type !== 'input_image') return { type: part.type };
    return {
      type: 'image_url',
      image_url: {
        url: part['image_url'] ?? `file:${String(part['file_id'])}`,
        detail: part['detail'] ?? 'auto',
      },
    };
  });
}

function toolOf(tool: ResponsesTool): Tool {
  if (tool.type !== 'function') return { type: tool.type };
  const { name, description, parameters } = tool as Extract<ResponsesTool, { type: 'function' }>;
  return { type: 'function', function: { name, description, parameters } };
}

function formatOf({ text }: ResponsesRequest): AnswerFormat | undefined {
  const format = text?.format;
  return format?.type === 'json_schema'
    ? { type: 'json_schema', schema: format.schema }
    : (format ?? undefined);
}

function refuseUnanswered(items: readonly InputItem[]): void {
  const open = new Set<string>();
  for (const item of items) {
    if (item.type === 'function_call') open.add(item.call_id);
    if (item.type === 'function_call_output' && !open.delete(item.call_id))
      throw invalidParameter(
        'input',
        `No tool call found for function call output with call_id ${item.call_id}.`,
      );
  }
  for (const id of open) throw invalidParameter('input', `No tool output found for function call ${id}.`);
}
