import { refuseHostedTools, refuseStore } from './refused-fields.ts';
import { fields, imageData, isSet, list, record, refuseOthers, type Request } from './request-parts.ts';
import { unbounded, type Unbounded } from './unbounded.ts';

/**
 * The fields of a response whose cost the meter understands (https://platform.openai.com/docs/api-reference/responses/create and the types of
 * openai 6.49, looked up 2026-11). Among the others: `prompt` (a template that the provider keeps), `context_management` (the provider summarises, which
 * spends), `moderation`.
 */
const BOUNDED = fields(
  `model input instructions tools tool_choice parallel_tool_calls max_tool_calls max_output_tokens reasoning text include
  stream stream_options store background previous_response_id conversation truncation metadata user safety_identifier
  prompt_cache_key prompt_cache_retention prompt_cache_options service_tier temperature top_p top_logprobs personality`,
);

/** Items that bring their content along. An `item_reference` stands for what the provider keeps, the calls of hosted tools for what they spend. */
const ITEM_TYPES = new Set([
  'message',
  'function_call',
  'function_call_output',
  'custom_tool_call',
  'custom_tool_call_output',
  'reasoning',
]);
const PART_TYPES = new Set([
  'input_text',
  'output_text',
  'summary_text',
  'reasoning_text',
  'refusal',
  'text',
  'input_image',
]);
const CHOICE_TYPES = new Set(['function', 'custom', 'allowed_tools']);
const INCLUDABLE = new Set(['reasoning.encrypted_content', 'message.output_text.logprobs']);

/**
 * Whether responses of this Claw may be stored: one that is not cannot be gone on with.
 */
export const mayBeStored = (met: Unbounded): boolean => met.allows('previous_response_id');

/**
 * Error: `meter_unbounded` {field, reason, remedy} for what no upper bound can be given to, or what leaves data with the provider. What the Claw allows
 * all the same is noted in `met`.
 */
export function refuseUnboundedResponse(request: Request, met: Unbounded): void {
  refuseOthers(request, BOUNDED, met);
  if (!mayBeStored(met)) refuseStore(request);
  refuseKept(request, met);
  refuseHostedTools(request, met);
  const choice = record(request.tool_choice).type;
  if (choice !== undefined && !CHOICE_TYPES.has(choice as string))
    met.meet('hosted_tools', 'tool_choice', 'a hosted tool spends tokens unseen');
  for (const name of list(request.include))
    if (!INCLUDABLE.has(name as string))
      met.meet('hosted_tools', 'include', `only ${[...INCLUDABLE].join(', ')}`);
  const { input } = request;
  if (input !== undefined && input !== null && typeof input !== 'string' && !Array.isArray(input))
    throw unbounded('input', 'only a text or a list of items is understood');
  for (const [index, item] of list(input).entries()) refuseItem(record(item), `input[${index}]`, met);
}

/** What the provider keeps cannot be seen from here, so its length is not known. */
function refuseKept(request: Request, met: Unbounded): void {
  for (const field of ['previous_response_id', 'conversation'] as const)
    if (isSet(request[field])) met.meet(field, field, 'send the earlier items in `input` instead');
  if (isSet(request.background) && request.background !== false)
    throw unbounded('background', 'it spends after its answer; use `stream: true` for long ones');
}

function refuseItem(item: Request, at: string, met: Unbounded): void {
  const type = item.type ?? 'message';
  if (!ITEM_TYPES.has(type as string)) {
    met.meet(
      type === 'item_reference' ? 'previous_response_id' : 'hosted_tools',
      `${at}.type`,
      `only ${[...ITEM_TYPES].join(', ')}: whatever else is kept by the provider or made by its tools`,
    );
    return;
  }
  // Without a type, `{id}` alone is an `item_reference` too; a message says who speaks.
  if (type === 'message' && typeof item.role !== 'string')
    met.meet('previous_response_id', `${at}.role`, 'an item without it stands for what the provider keeps');
  const parts: readonly (readonly [string, unknown])[] = [
    ['content', item.content],
    ['output', item.output],
    ['summary', item.summary],
  ];
  for (const [field, value] of parts) {
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      throw unbounded(`${at}.${field}`, 'only a text or a list of parts is understood');
    for (const [index, part] of list(value).entries())
      refusePart(record(part), `${at}.${field}[${index}]`, met);
  }
}

function refusePart(part: Request, at: string, met: Unbounded): void {
  if (part.type === 'input_file') {
    met.meet('files', `${at}.type`, 'read files in the cage and send their text');
    return;
  }
  if (!PART_TYPES.has(part.type as string)) throw unbounded(`${at}.type`, 'only text and images are bounded');
  if (part.type !== 'input_image') return;
  if (isSet(part.file_id)) met.meet('files', `${at}.file_id`, 'send the image as a data: URL');
  if (imageData(part.image_url) === undefined && !(isSet(part.file_id) && !isSet(part.image_url)))
    met.meet('remote_images', `${at}.image_url`, 'only data: URLs; the provider would fetch any other');
}
