import { Buffer } from 'node:buffer';
import { boundOf, NO_TOKENS, type BoundPart, type CallBound } from './call-bound.ts';
import { imageModelOf, PARTIAL_IMAGE_TOKENS } from './image-models.ts';
import { fields, invalid, positive, refuseOthers, type Request } from './request-parts.ts';
import { allowed, Unbounded, type UnboundedPolicy } from './unbounded.ts';

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
export function boundOfImages(parsed: Request, inputImages = 0, policy?: UnboundedPolicy): CallBound {
  const met = new Unbounded(policy);
  refuseOthers(parsed, BOUNDED, met);
  if (typeof parsed.prompt !== 'string') throw invalid('prompt', 'It takes a text.');
  const count = positive(parsed, 'n', MOST_IMAGES) ?? 1;
  const partial = parsed.partial_images === 0 ? 0 : (positive(parsed, 'partial_images', 3) ?? 0);
  const model = imageModelOf(String(parsed.model));
  if (model === undefined) return allowed(NO_TOKENS, met, policy);
  const prompt = Buffer.byteLength(parsed.prompt) + OVERHEAD_TOKENS;
  const picture = model.outputTokens(textOf(parsed.quality), textOf(parsed.size));
  const beside = model.outputText + partial * PARTIAL_IMAGE_TOKENS;
  const each = count === 1 ? '' : `, for each of ${count} images`;
  const part = (name: string, tokens: number, why: string): BoundPart => ({
    part: name,
    tokens: count * tokens,
    why: `${why}${each}.`,
  });
  const bound = boundOf(
    [
      part('text', prompt, 'Bytes of the prompt, of which none is more than a token, and a margin'),
      part('images', inputImages * model.inputTokens, `${inputImages} images at the most that one costs`),
    ],
    [
      part('output', picture, 'The image by quality and size; what is not set counts as the greatest'),
      part('output_text', beside, 'What the model writes beside it, and partial images'),
    ],
  );
  return allowed(bound, met, policy);
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : 'auto');
