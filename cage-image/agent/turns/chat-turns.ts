import type OpenAI from 'openai';
import type {
  ChatCompletionChunk,
  ChatCompletionContentPart,
  ChatCompletionCreateParamsStreaming,
  ChatCompletionMessageParam,
} from 'openai/resources/chat/completions';
import type { Entry, ToolCall } from '../conversation.ts';
import { BrokenOff, readingWhole } from './broken-off.ts';
import { Concessions } from './concessions.ts';
import type { ModelTurns, Turn, TurnRequest, WireForm } from './model-turns.ts';
import { ThinkingFilter } from './thinking.ts';

/** Steps by `POST /chat/completions`, streamed. */
export class ChatTurns implements ModelTurns {
  readonly #client: OpenAI;
  readonly #model: string;
  readonly #concessions = new Concessions({
    form: /response_format|json_schema|json_object/i,
    toolChoice: /tool_choice/i,
  });

  constructor(client: OpenAI, model: string) {
    this.#client = client;
    this.#model = model;
  }

  async next(request: TurnRequest): Promise<Turn> {
    const inUse = [
      ...(request.form.type === 'text' ? [] : (['form'] as const)),
      ...(request.mayCall ? [] : (['toolChoice'] as const)),
    ];
    const chunks = await this.#concessions.calling(inUse, () =>
      this.#client.chat.completions.create(this.#body(request), { signal: request.signal }),
    );
    return readingWhole(() => readChunks(chunks, request.onText, request.onSign));
  }

  #body({ entries, tools, mayCall, form }: TurnRequest): ChatCompletionCreateParamsStreaming {
    const offered = tools.map((tool) => ({ type: 'function' as const, function: { ...tool } }));
    // A server that does not take tool_choice gets no tools in place of it.
    const forbidden = !mayCall && !this.#concessions.keeps('toolChoice');
    return {
      model: this.#model,
      messages: entries.map(chatMessage),
      ...(offered.length > 0 && !forbidden && { tools: offered }),
      ...(offered.length > 0 && !forbidden && !mayCall && { tool_choice: 'none' as const }),
      ...(form.type !== 'text' && this.#concessions.keeps('form') && { response_format: chatForm(form) }),
      stream: true,
    };
  }
}

function chatForm(
  form: Exclude<WireForm, { type: 'text' }>,
): NonNullable<ChatCompletionCreateParamsStreaming['response_format']> {
  if (form.type === 'json') return { type: 'json_object' };
  return {
    type: 'json_schema',
    json_schema: { name: 'answer', schema: { ...form.schema }, strict: form.strict },
  };
}

function chatMessage(entry: Entry): ChatCompletionMessageParam {
  switch (entry.role) {
    case 'system':
      return { role: 'system', content: entry.text };
    case 'user':
      return { role: 'user', content: userContent(entry.text, entry.images ?? []) };
    case 'assistant': {
      const calls = entry.calls.map(({ id, ...call }) => ({
        id,
        type: 'function' as const,
        function: call,
      }));
      return {
        role: 'assistant',
        content: entry.text,
        ...(calls.length > 0 && { tool_calls: calls }),
      };
    }
    case 'tool':
      return { role: 'tool', tool_call_id: entry.callId, content: entry.text };
  }
}

function userContent(
  text: string,
  images: readonly { readonly url: string; readonly detail: 'auto' | 'low' | 'high' }[],
): string | ChatCompletionContentPart[] {
  if (images.length === 0) return text;
  return [
    { type: 'text', text },
    ...images.map((image) => ({ type: 'image_url' as const, image_url: { ...image } })),
  ];
}

/** Reads a stream of chunks to its end, telling each piece of text as it comes. Throws `BrokenOff` where it does not end as it should. */
export async function readChunks(
  chunks: AsyncIterable<ChatCompletionChunk>,
  onText: (text: string) => void,
  onSign?: () => void,
): Promise<Turn> {
  const calls = new Map<number, { id: string; name: string; arguments: string }>();
  let text = '';
  let refusal = '';
  let finishReason: string | undefined;
  const thinking = new ThinkingFilter();
  const tell = (piece: string): void => {
    if (piece === '') return;
    text += piece;
    onText(piece);
  };
  for await (const chunk of chunks) {
    onSign?.();
    const choice = chunk.choices[0];
    if (choice === undefined) continue;
    const { delta } = choice;
    tell(thinking.push(delta.content ?? ''));
    refusal += delta.refusal ?? '';
    if (delta.refusal) onText(delta.refusal);
    for (const piece of delta.tool_calls ?? []) {
      const call = calls.get(piece.index) ?? { id: '', name: '', arguments: '' };
      call.id ||= piece.id ?? '';
      call.name += piece.function?.name ?? '';
      call.arguments += piece.function?.arguments ?? '';
      calls.set(piece.index, call);
    }
    finishReason = choice.finish_reason ?? finishReason;
  }
  if (finishReason === undefined) throw new BrokenOff('The answer broke off before its end.');
  tell(thinking.end());
  return { text, refusal, calls: inOrder(calls), ending: endingOf(finishReason) };
}

function inOrder(calls: ReadonlyMap<number, ToolCall>): ToolCall[] {
  return [...calls]
    .sort(([a], [b]) => a - b)
    .map(([index, call]) => ({ ...call, id: call.id || `call_${index}` }));
}

function endingOf(finishReason: string): Turn['ending'] {
  if (finishReason === 'length') return 'length';
  return finishReason === 'content_filter' ? 'filtered' : 'done';
}
