import { fields, imageData, list, record, refuseOthers, unbounded, type Request } from './request-parts.ts';

/**
 * The fields of a chat completion whose cost the meter understands (https://platform.openai.com/docs/api-reference/chat/create),
 * and the sampling settings that compatible servers add. Any other field could make the provider spend tokens that
 * nobody counted, so it is refused by name: hosted search (`web_search_options`), `plugins`, `conversation`,
 * `previous_response_id`, `background`, `chat_template`, `prediction` and what comes tomorrow.
 */
const BOUNDED = fields(
  `model messages tools tool_choice parallel_tool_calls functions function_call response_format
  max_completion_tokens max_tokens n best_of stream stream_options stop seed user metadata safety_identifier
  prompt_cache_key prompt_cache_retention service_tier reasoning_effort verbosity modalities store
  temperature top_p top_k min_p typical_p frequency_penalty presence_penalty repetition_penalty repeat_penalty logit_bias
  logprobs top_logprobs min_tokens ignore_eos skip_special_tokens think keep_alive`,
);

const PART_TYPES = new Set(['text', 'image_url', 'refusal']);
const TOOL_TYPES = new Set(['function', 'custom']);

/** Throws `meter_unbounded` {field, reason} for what no upper bound can be given to, or what leaves data with the provider. */
export function refuseUnbounded(request: Request): void {
  refuseOthers(request, BOUNDED);
  refuseStore(request);
  if (list(request.modalities).some((modality) => modality !== 'text'))
    throw unbounded('modalities', 'only text is bounded');
  refuseHostedTools(request);
  for (const [index, message] of list(request.messages).entries())
    refuseMessage(record(message), `messages[${index}]`);
}

export function refuseStore(request: Request): void {
  // Anything but a plain no: a lenient server may read "true" or 1 as yes.
  if (request.store !== undefined && request.store !== null && request.store !== false)
    throw unbounded('store', 'the provider would keep the conversation; leave it out');
}

export function refuseHostedTools(request: Request): void {
  for (const [index, tool] of list(request.tools).entries()) {
    const type = record(tool).type;
    if (!TOOL_TYPES.has(type as string))
      throw unbounded(
        `tools[${index}].type`,
        'a hosted tool spends tokens unseen; offer a function and do the work in the cage',
      );
  }
}

function refuseMessage(message: Request, at: string): void {
  if (message.audio !== undefined && message.audio !== null)
    throw unbounded(`${at}.audio`, 'it stands for history that the provider keeps');
  if (typeof message.content === 'object' && message.content !== null && !Array.isArray(message.content))
    throw unbounded(`${at}.content`, 'only a text or a list of parts is understood');
  for (const [index, part] of list(message.content).entries()) {
    const type = record(part).type;
    if (!PART_TYPES.has(type as string))
      throw unbounded(`${at}.content[${index}].type`, 'only text and images are bounded');
    if (type === 'image_url' && imageData(record(part).image_url) === undefined) {
      throw unbounded(
        `${at}.content[${index}].image_url`,
        'only data: URLs; the provider would fetch any other',
      );
    }
  }
}
