import { fields, imageData, isSet, list, record, refuseOthers, type Request } from './request-parts.ts';
import { unbounded, type Unbounded } from './unbounded.ts';

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

/** Known, and never bounded: each is a tool of the provider's. */
const HOSTED = new Set(['web_search_options']);
const PART_TYPES = new Set(['text', 'image_url', 'refusal']);
const TOOL_TYPES = new Set(['function', 'custom']);

/**
 * Error: `meter_unbounded` {field, reason, remedy} for what no upper bound can be given to, or what leaves data with the provider. What the Claw allows
 * all the same is noted in `met`.
 */
export function refuseUnbounded(request: Request, met: Unbounded): void {
  for (const field of HOSTED)
    if (isSet(request[field])) met.meet('hosted_tools', field, 'a hosted tool spends tokens unseen');
  refuseOthers(request, new Set([...BOUNDED, ...HOSTED]), met);
  refuseStore(request);
  if (list(request.modalities).some((modality) => modality !== 'text'))
    throw unbounded('modalities', 'only text is bounded');
  refuseHostedTools(request, met);
  for (const [index, message] of list(request.messages).entries())
    refuseMessage(record(message), `messages[${index}]`, met);
}

export function refuseStore(request: Request): void {
  // Anything but a plain no: a lenient server may read "true" or 1 as yes.
  if (isSet(request.store) && request.store !== false)
    throw unbounded('store', 'the provider would keep the conversation; leave it out');
}

export function refuseHostedTools(request: Request, met: Unbounded): void {
  for (const [index, tool] of list(request.tools).entries()) {
    const type = record(tool).type;
    if (!TOOL_TYPES.has(type as string))
      met.meet(
        'hosted_tools',
        `tools[${index}].type`,
        'a hosted tool spends tokens unseen; offer a function and do the work in the cage',
      );
  }
}

function refuseMessage(message: Request, at: string, met: Unbounded): void {
  if (isSet(message.audio)) throw unbounded(`${at}.audio`, 'it stands for history that the provider keeps');
  if (typeof message.content === 'object' && message.content !== null && !Array.isArray(message.content))
    throw unbounded(`${at}.content`, 'only a text or a list of parts is understood');
  for (const [index, part] of list(message.content).entries())
    refusePart(record(part), `${at}.content[${index}]`, met);
}

function refusePart(part: Request, at: string, met: Unbounded): void {
  if (part.type === 'file') {
    met.meet('files', `${at}.type`, 'what the provider reads out of a file is not known here');
    return;
  }
  if (!PART_TYPES.has(part.type as string)) throw unbounded(`${at}.type`, 'only text and images are bounded');
  if (part.type === 'image_url' && imageData(part.image_url) === undefined)
    met.meet('remote_images', `${at}.image_url`, 'only data: URLs; the provider would fetch any other');
}
