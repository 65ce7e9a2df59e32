import { z } from 'zod';
import { describeImage, imageFacts, type ImageFacts } from '../image-facts.ts';
import { inputImageTokens, outputImageTokens, PARTIAL_IMAGE_TOKENS } from '../media/image-tokens.ts';
import { stripesPng } from '../media/png.ts';
import { invalidParameter } from '../provider-error.ts';
import { parseRequest } from '../request-schema.ts';
import { countTokens } from '../tokens.ts';
import { admit } from './admit.ts';
import { formBody, jsonBody, type Form } from './body.ts';
import type { StreamEvent } from './exchange.ts';
import { scriptedFaults } from './faults.ts';
import type { Visit } from './visit.ts';

const FIRST_MODEL = 'gpt-image-1';
const MOST_INPUTS = 16;

const imagesRequest = z.looseObject({
  model: z.string().min(1).default(FIRST_MODEL),
  prompt: z.string().min(1).max(32_000),
  n: z.coerce.number().int().min(1).max(10).nullish(),
  size: z
    .string()
    .regex(/^(auto|[1-9]\d{1,3}x[1-9]\d{1,3})$/)
    .nullish(),
  quality: z.enum(['auto', 'low', 'medium', 'high']).nullish(),
  background: z.enum(['auto', 'opaque', 'transparent']).nullish(),
  output_format: z.literal('png', 'the simulator makes png only').nullish(),
  input_fidelity: z.enum(['low', 'high']).nullish(),
  stream: z.union([z.boolean(), z.stringbool()]).nullish(),
  partial_images: z.coerce.number().int().min(0).max(3).nullish(),
});
type ImagesRequest = z.infer<typeof imagesRequest>;

/** What an edit starts from. */
interface Given {
  readonly images: readonly ImageFacts[];
  readonly mask: ImageFacts | undefined;
}

/** `POST /v1/images/generations`. */
export async function generateImages(visit: Visit): Promise<void> {
  const request = parseRequest(imagesRequest, await jsonBody(visit.exchange.request));
  await answer(visit, request, undefined);
}

/** `POST /v1/images/edits`; the answer's `revised_prompt` tells what came. */
export async function editImages(visit: Visit): Promise<void> {
  const form = await formBody(visit.exchange.request);
  const request = parseRequest(imagesRequest, form.fields());
  const images = await pictures(form, 'image');
  if (images.length === 0) throw invalidParameter('image', "Missing required parameter: 'image'.");
  if (images.length > MOST_INPUTS)
    throw invalidParameter('image', `Invalid 'image': at most ${MOST_INPUTS} images.`);
  const [mask] = await pictures(form, 'mask');
  await answer(visit, request, { images, mask });
}

async function answer(visit: Visit, request: ImagesRequest, given: Given | undefined): Promise<void> {
  const { exchange } = visit;
  const { booking } = exchange;
  const usage = usageOf(request, given);
  admit(visit, 'images', request.model, usage.input_tokens);
  booking.streamed = request.stream === true;
  const { reportsUsage } = await scriptedFaults(visit, request.prompt, request.model);
  booking.inputTokens = usage.input_tokens;
  booking.outputTokens = usage.output_tokens;
  booking.told = reportsUsage;
  const told = reportsUsage ? { usage } : {};
  const made = pictureOf(request);
  if (booking.streamed) return exchange.events(streamed(request, given, made, told), true);
  exchange.json(200, {
    created: nowSeconds(),
    ...shape(request),
    data: Array.from({ length: request.n ?? 1 }, (_, at) => ({
      b64_json: made(at),
      ...(given && { revised_prompt: describe(request, given) }),
    })),
    ...told,
  });
}

/** The pictures on the way, then the whole one. */
function streamed(
  request: ImagesRequest,
  given: Given | undefined,
  made: (at: number) => string,
  told: object,
): StreamEvent[] {
  const kind = given ? 'image_edit' : 'image_generation';
  const one = { created_at: nowSeconds(), ...shape(request) };
  const partial = Array.from({ length: request.partial_images ?? 0 }, (_, at) => ({
    type: `${kind}.partial_image`,
    b64_json: made(0),
    partial_image_index: at,
    ...one,
  }));
  return [...partial, { type: `${kind}.completed`, b64_json: made(0), ...one, ...told }];
}

function usageOf(request: ImagesRequest, given: Given | undefined) {
  const { width, height } = sizeOf(request);
  const high = request.input_fidelity === 'high';
  const inputs = given ? [...given.images, ...(given.mask ? [given.mask] : [])] : [];
  const text_tokens = countTokens(request.prompt);
  const image_tokens = inputs.reduce((sum, image) => sum + inputImageTokens(image, high), 0);
  const partial = request.stream === true ? (request.partial_images ?? 0) * PARTIAL_IMAGE_TOKENS : 0;
  const output = (request.n ?? 1) * (outputImageTokens(width, height, shape(request).quality) + partial);
  const input = text_tokens + image_tokens;
  return {
    input_tokens: input,
    input_tokens_details: { text_tokens, image_tokens },
    output_tokens: output,
    output_tokens_details: { image_tokens: output, text_tokens: 0 },
    total_tokens: input + output,
  };
}

function pictureOf(request: ImagesRequest): (at: number) => string {
  const { width, height } = sizeOf(request);
  return (at) => stripesPng(width, height, `${request.prompt}/${at}`).toString('base64');
}

/** What the answer says of its pictures: what was left to the model is told as it was chosen. */
function shape(request: ImagesRequest) {
  const { width, height } = sizeOf(request);
  const { quality, background } = request;
  return {
    background: background === 'transparent' ? ('transparent' as const) : ('opaque' as const),
    output_format: 'png' as const,
    quality: quality == null || quality === 'auto' ? ('high' as const) : quality,
    size: `${width}x${height}`,
  };
}

function sizeOf({ size }: ImagesRequest): { width: number; height: number } {
  const [width = 1024, height = 1024] = size == null || size === 'auto' ? [] : size.split('x').map(Number);
  if (Math.max(width, height) > 4096)
    throw invalidParameter('size', "Invalid value for 'size': at most 4096 pixels a side.");
  return { width, height };
}

async function pictures(form: Form, name: string): Promise<ImageFacts[]> {
  return Promise.all(
    form.files(name).map(async (file) => {
      const facts = imageFacts(Buffer.from(await file.arrayBuffer()));
      if (facts === undefined || facts.type === 'GIF')
        throw invalidParameter(
          name,
          `Invalid image file or mode for ${name}: ${file.name}. PNG, JPEG and WebP are supported.`,
        );
      return facts;
    }),
  );
}

function describe({ prompt }: ImagesRequest, { images, mask }: Given): string {
  const masked = mask ? ` with a mask (${describeImage(mask)})` : '';
  return `Edit of ${images.map(describeImage).join('; ')}${masked}: ${prompt}`;
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
