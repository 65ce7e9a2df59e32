import type OpenAI from 'openai';
import type {
  Response,
  ResponseCreateParamsStreaming,
  ResponseInputItem,
  ResponseOutputItem,
  ResponseStreamEvent,
} from 'openai/resources/responses/responses';
import { CodedError } from '#errors/coded-error.ts';
import type { Entry } from '../conversation.ts';
import { BrokenOff, readingWhole } from './broken-off.ts';
import { Concessions } from './concessions.ts';
import type { ModelTurns, Turn, TurnRequest, WireForm } from './model-turns.ts';

const MAX_MESSAGE = 300;

/**
 * Steps by `POST /responses`, streamed. Nothing is stored at the provider (`store: false`): the conversation goes along each time, with the model's
 * reasoning in encrypted form where it is offered.
 */
export class ResponsesTurns implements ModelTurns {
  readonly #client: OpenAI;
  readonly #model: string;
  readonly #concessions = new Concessions({
    form: /text\.format|response_format|json_schema|json_object/i,
    toolChoice: /tool_choice/i,
    // OpenAI's models without reasoning: "Encrypted content is not supported with this model."
    reasoning: /\binclude\b|encrypted/i,
  });

  constructor(client: OpenAI, model: string) {
    this.#client = client;
    this.#model = model;
  }

  async next(request: TurnRequest): Promise<Turn> {
    const inUse = [
      'reasoning' as const,
      ...(request.form.type === 'text' ? [] : (['form'] as const)),
      ...(request.mayCall ? [] : (['toolChoice'] as const)),
    ];
    const events = await this.#concessions.calling(inUse, () =>
      this.#client.responses.create(this.#body(request), { signal: request.signal }),
    );
    return readingWhole(() => readEvents(events, request.onText, request.onSign));
  }

  #body({ entries, tools, mayCall, form }: TurnRequest): ResponseCreateParamsStreaming {
    const offered = tools.map((tool) => ({
      type: 'function' as const,
      ...tool,
      parameters: { ...tool.parameters },
      strict: false,
    }));
    const forbidden = !mayCall && !this.#concessions.keeps('toolChoice');
    return {
      model: this.#model,
      input: entries.flatMap(inputItems),
      store: false,
      ...(this.#concessions.keeps('reasoning') && { include: ['reasoning.encrypted_content'] }),
      ...(offered.length > 0 && !forbidden && { tools: offered }),
      ...(offered.length > 0 && !forbidden && !mayCall && { tool_choice: 'none' as const }),
      ...(form.type !== 'text' && this.#concessions.keeps('form') && { text: { format: wireForm(form) } }),
      stream: true,
    };
  }
}

function wireForm(form: Exclude<WireForm, { type: 'text' }>) {
  if (form.type === 'json') return { type: 'json_object' as const };
  return {
    type: 'json_schema' as const,
    name: 'answer',
    schema: { ...form.schema },
    strict: form.strict,
  };
}

function inputItems(entry: Entry): ResponseInputItem[] {
  switch (entry.role) {
    case 'system':
      return [{ role: 'system', content: entry.text }];
    case 'user':
      return [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: entry.text },
            ...(entry.images ?? []).map((image) => ({
              type: 'input_image' as const,
              image_url: image.url,
              detail: image.detail,
            })),
          ],
        },
      ];
    case 'assistant':
      return (
        (entry.carried as ResponseInputItem[] | undefined) ?? [{ role: 'assistant', content: entry.text }]
      );
    case 'tool':
      return [{ type: 'function_call_output', call_id: entry.callId, output: entry.text }];
  }
}

/** Reads a stream of events to its end. Throws `BrokenOff` where none of its ends came, and what the provider says of a failure as a coded error. */
export async function readEvents(
  events: AsyncIterable<ResponseStreamEvent>,
  onText: (text: string) => void,
  onSign?: () => void,
): Promise<Turn> {
  for await (const event of events) {
    onSign?.();
    switch (event.type) {
      case 'response.output_text.delta':
      case 'response.refusal.delta':
        onText(event.delta);
        break;
      case 'response.completed':
      case 'response.incomplete':
        return turnOf(event.response);
      case 'response.failed':
        throw failed(event.response.error?.code, event.response.error?.message);
      case 'error':
        throw failed(event.code, event.message);
    }
  }
  throw new BrokenOff('The answer broke off before its end.');
}

function turnOf(response: Response): Turn {
  const said = response.output.filter((item) => item.type === 'message').flatMap((item) => item.content);
  const why = response.incomplete_details?.reason;
  return {
    text: said.map((part) => (part.type === 'output_text' ? part.text : '')).join(''),
    refusal: said.map((part) => (part.type === 'refusal' ? part.refusal : '')).join(''),
    calls: response.output
      .filter((item) => item.type === 'function_call')
      .map((item) => ({ id: item.call_id, name: item.name, arguments: item.arguments })),
    ending: why === 'content_filter' ? 'filtered' : why === undefined ? 'done' : 'length',
    carried: response.output.flatMap(carriedItem),
  };
}

/**
 * An item as it goes back. Ids stay away, since the provider looks what bears one up in a store that it was told not to keep; reasoning
 * is of use in its encrypted form only.
 */
function carriedItem(item: ResponseOutputItem): ResponseInputItem[] {
  switch (item.type) {
    case 'message': {
      const text = item.content
        .map((part) => (part.type === 'output_text' ? part.text : part.refusal))
        .join('');
      return [{ role: 'assistant', content: text, ...(item.phase != null && { phase: item.phase }) }];
    }
    case 'function_call':
      return [{ type: 'function_call', call_id: item.call_id, name: item.name, arguments: item.arguments }];
    case 'reasoning':
      if (!item.encrypted_content) return [];
      return [
        {
          type: 'reasoning',
          id: item.id,
          summary: item.summary,
          encrypted_content: item.encrypted_content,
        },
      ];
    default:
      return [];
  }
}

function failed(code: string | null | undefined, message: string | undefined): Error {
  // Both are said of calls that would succeed a moment later.
  if (code === 'server_error') return new BrokenOff(message?.slice(0, MAX_MESSAGE) ?? 'The provider failed.');
  return new CodedError(code === 'rate_limit_exceeded' ? 'provider_rate_limited' : 'provider_failed', {
    ...(code != null && { providerCode: code.slice(0, 100) }),
    providerMessage: (message ?? '').slice(0, MAX_MESSAGE),
  });
}
