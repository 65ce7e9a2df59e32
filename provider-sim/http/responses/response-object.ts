import type { Production } from '../../model/produce.ts';
import { makeId } from '../ids.ts';
import type { OutputItem } from './output-item.ts';
import type { ResponsesRequest } from './responses-request.ts';

export type Status = 'in_progress' | 'completed' | 'incomplete' | 'failed';

export interface ResponseObject {
  readonly id: string;
  readonly object: 'response';
  readonly status: Status;
  readonly output: readonly OutputItem[];
  readonly [name: string]: unknown;
}

/** What does not change while an answer is made, and the shots of it that the events carry. */
export class ResponseDraft {
  readonly id = makeId('resp');
  readonly #createdAt = Math.floor(Date.now() / 1000);
  readonly #request: ResponsesRequest;
  readonly #production: Production;
  readonly #input: { readonly tokens: number; readonly cached: number };
  readonly #reportsUsage: boolean;

  constructor(
    request: ResponsesRequest,
    production: Production,
    input: { readonly tokens: number; readonly cached: number },
    reportsUsage: boolean,
  ) {
    this.#request = request;
    this.#production = production;
    this.#input = input;
    this.#reportsUsage = reportsUsage;
  }

  /** https://platform.openai.com/docs/api-reference/responses/object */
  shot(status: Status, output: readonly OutputItem[], error: object | null = null): ResponseObject {
    const request = this.#request;
    const ended = status === 'completed' || status === 'incomplete';
    const reason =
      this.#production.finishReason === 'content_filter' ? 'content_filter' : 'max_output_tokens';
    return {
      id: this.id,
      object: 'response',
      created_at: this.#createdAt,
      status,
      background: false,
      completed_at: status === 'completed' ? Math.floor(Date.now() / 1000) : null,
      error,
      incomplete_details: status === 'incomplete' ? { reason } : null,
      instructions: request.instructions ?? null,
      max_output_tokens: request.max_output_tokens ?? null,
      max_tool_calls: null,
      model: request.model,
      output,
      parallel_tool_calls: request.parallel_tool_calls ?? true,
      previous_response_id: request.previous_response_id ?? null,
      prompt_cache_key: request['prompt_cache_key'] ?? null,
      reasoning: { effort: request.reasoning?.effort ?? null, summary: request.reasoning?.summary ?? null },
      safety_identifier: request['safety_identifier'] ?? null,
      service_tier: ended ? 'default' : 'auto',
      store: request.store ?? true,
      temperature: request['temperature'] ?? 1,
      text: { format: { type: 'text' }, verbosity: 'medium', ...request.text },
      tool_choice: request.tool_choice ?? 'auto',
      tools: (request.tools ?? []).map((tool) =>
        tool.type === 'function' ? { description: null, strict: true, ...tool } : tool,
      ),
      top_logprobs: 0,
      top_p: request['top_p'] ?? 1,
      truncation: request['truncation'] ?? 'disabled',
      usage: ended && this.#reportsUsage ? this.#usage() : null,
      user: request['user'] ?? null,
      metadata: request.metadata ?? {},
    };
  }

  #usage(): object {
    const { tokens, reasoningTokens } = this.#production;
    return {
      input_tokens: this.#input.tokens,
      input_tokens_details: { cached_tokens: this.#input.cached },
      output_tokens: tokens,
      output_tokens_details: { reasoning_tokens: reasoningTokens },
      total_tokens: this.#input.tokens + tokens,
    };
  }
}
