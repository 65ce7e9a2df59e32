import { NO_TOKENS, type CallBound } from './call-bound.ts';
import { fields, imageData, list, record, refuseOthers, type Request } from './request-parts.ts';
import { allowed, Unbounded, unbounded, type UnboundedPolicy } from './unbounded.ts';

const BOUNDED = fields('model input');

/**
 * A moderation is free, and the API reports no tokens of it (https://platform.openai.com/docs/guides/moderation, looked up 2026-11): it counts as a request.
 * Images only as data: URLs, as the provider would fetch any other. Errors: `meter_unbounded` {field, reason}.
 */
export function boundOfModeration(parsed: Request, policy?: UnboundedPolicy): CallBound {
  const met = new Unbounded(policy);
  refuseOthers(parsed, BOUNDED, met);
  if (typeof parsed.input !== 'string' && !Array.isArray(parsed.input))
    throw unbounded('input', 'only a text or a list');
  for (const [index, value] of list(parsed.input).entries()) {
    if (typeof value === 'string') continue;
    const part = record(value);
    if (part.type === 'text' && typeof part.text === 'string') continue;
    if (part.type !== 'image_url') throw unbounded(`input[${index}]`, 'only texts and images as data: URLs');
    if (imageData(part.image_url) === undefined)
      met.meet('remote_images', `input[${index}]`, 'only texts and images as data: URLs');
  }
  return allowed(NO_TOKENS, met, policy);
}
