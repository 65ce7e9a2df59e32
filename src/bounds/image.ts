import { Buffer } from 'node:buffer';
import { boundOf, NO_TOKENS, type CallBound } from './call-bound.ts';
import { imageModelOf, PARTIAL_IMAGE_TOKENS } from './image-models.ts';
import { fields, invalid, positive, refuseOthers, type Request } from './request-parts.ts';

const BOUNDED = fields(
  `model prompt n size quality background moderation output_format output_compression partial_images response_format
  stream style user input_fidelity`,
);
const MOST_IMAGES = 10;
const OVERHEAD_TOKENS = 256;

/**
 * An upper bound of the tokens of making (or, with `inputImages`, editing) images. Each of the `n` images is charged as if it had been asked for alone. An
 * unset quality or size counts as the greatest. Errors: `meter_unbounded` {field, reason}, `meter_request_invalid` {field}.
 */
export function boundOfImages(parsed: Request, inputImages = 0): CallBound {
  refuseOthers(parsed, BOUNDED);
  if (typeof parsed.prompt !== 'string') throw invalid('prompt', 'It takes a text.');
  const count = positive(parsed, 'n', MOST_IMAGES) ?? 1;
  const partial = parsed.partial_images === 0 ? 0 : (positive(parsed, 'partial_images', 3) ?? 0);
  const model = imageModelOf(String(parsed.model));
  if (model === undefined) return NO_TOKENS;
  const input = Buffer.byteLength(parsed.prompt) + OVERHEAD_TOKENS + inputImages * model.inputTokens;
  const output =
    model.outputTokens(textOf(parsed.quality), textOf(parsed.size)) +
    model.outputText +
    partial * PARTIAL_IMAGE_TOKENS;
  return boundOf(count * input, count * output);
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : 'auto');
