import { Buffer } from 'node:buffer';
import type { BoundPart } from './call-bound.ts';
import { imageTokens, type InputImage } from './image-tokens.ts';
import type { ModelFacts } from './model-facts.ts';
import { mostTokens, Work } from './tokens/count-tokens.ts';
import { encodingOf } from './tokens/encoding.ts';

/** What a request to a language model says, as it was understood. */
export interface ModelInput {
  /** The request exactly as it is sent: JSON without blanks. */
  readonly body: string;
  /** Every plain text in it that a tokeniser may count: of messages, instructions, inputs. Whatever else it has counts by its bytes. */
  readonly texts: readonly string[];
  readonly images: readonly InputImage[];
  /** The tools as they are sent; for the explanation only, as they count by their bytes like any other field. */
  readonly tools?: unknown;
}

/** More is never tokenised: it would take too long, and a call of that size waits for other reasons. */
const MOST_TEXT_BYTES = 256 * 1024;
/** Less is not worth a tokeniser. */
const LEAST_TEXT_BYTES = 1024;

/**
 * An upper bound of the input. A byte-level BPE token is at least one byte of text, and JSON writes text with at least as many bytes as it has, so the
 * bytes of the whole request bound its tokens; images (their data: URLs) count by their size, or their ceiling, in place of their bytes.
 * Never more than the model's context, and the images.
 */
export function inputParts(input: ModelInput, model: ModelFacts): BoundPart[] {
  const bytes = writtenBytes(input.texts);
  const text = {
    part: 'text',
    tokens: Math.ceil(bytes * model.tokensPerByte),
    why: `${bytes} bytes of text as JSON, ${perByte(model)}.`,
  };
  return withinContext([text, ...otherParts(input, model, bytes)], model);
}

/** Whether `tightenedParts` can be less than `inputParts`. */
export function canTighten({ texts }: ModelInput, model: ModelFacts): boolean {
  if (model.encoding === undefined) return false;
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  return bytes >= LEAST_TEXT_BYTES && bytes <= MOST_TEXT_BYTES;
}

/** As `inputParts`, with the texts tokenised; the same where the tokeniser cannot be loaded, or gives no less. Never above it, never below what the text has. */
export async function tightenedParts(input: ModelInput, model: ModelFacts): Promise<BoundPart[]> {
  const loose = inputParts(input, model);
  if (model.encoding === undefined || !canTighten(input, model)) return loose;
  const encoding = await encodingOf(model.encoding).catch(() => undefined);
  if (encoding === undefined) return loose;
  const work = new Work();
  const tokens = input.texts.reduce((sum, text) => sum + mostTokens(text, encoding, work), 0);
  const text = {
    part: 'text',
    tokens,
    why: `At most ${tokens} tokens of ${model.encoding}, however the provider joins the texts.`,
  };
  const tight = withinContext([text, ...otherParts(input, model, writtenBytes(input.texts))], model);
  return total(tight) < total(loose) ? tight : loose;
}

function otherParts({ body, images, tools }: ModelInput, model: ModelFacts, textBytes: number): BoundPart[] {
  const urls = images.reduce((sum, { url }) => sum + Buffer.byteLength(url), 0);
  const toolBytes = tools === undefined || tools === null ? 0 : Buffer.byteLength(JSON.stringify(tools));
  const rest = Buffer.byteLength(body) - textBytes - urls - toolBytes;
  const ofImages = images.reduce((sum, image) => sum + imageTokens(image, model), 0);
  const byBytes = (bytes: number): number => Math.ceil(bytes * model.tokensPerByte);
  return [
    {
      part: 'images',
      tokens: ofImages,
      why: `${images.length} by size and detail, at most ${model.imageTokens} each.`,
    },
    {
      part: 'tools',
      tokens: byBytes(toolBytes),
      why: `${toolBytes} bytes of tools as JSON, ${perByte(model)}.`,
    },
    {
      part: 'fields',
      tokens: byBytes(rest),
      why: `${rest} bytes of everything else in the request, ${perByte(model)}.`,
    },
    {
      part: 'overhead',
      tokens: model.overheadTokens,
      why: 'What the provider adds to a call, at most: framing, headings of tools.',
    },
  ].filter(({ tokens }) => tokens > 0);
}

const perByte = ({ tokensPerByte }: ModelFacts): string =>
  tokensPerByte === 1
    ? 'of which none is more than a token'
    : `at ${tokensPerByte} tokens each, as the tokenisation of this model is not known`;

/** Images count beside it: what some models charge for one is a multiple of what it takes of their context. */
function withinContext(parts: BoundPart[], { contextTokens }: ModelFacts): BoundPart[] {
  const images = parts.filter(({ part }) => part === 'images');
  const others = total(parts) - total(images);
  if (contextTokens === undefined || others <= contextTokens) return parts;
  const why = `Without images the request could be ${others} tokens, and the model takes ${contextTokens} at most.`;
  return [{ part: 'context', tokens: contextTokens, why }, ...images];
}

/** The bytes that the texts take in the request: without the quotes around them, which count with the fields. */
const writtenBytes = (texts: readonly string[]): number =>
  texts.reduce((sum, text) => sum + Buffer.byteLength(JSON.stringify(text)) - 2, 0);

const total = (parts: readonly BoundPart[]): number => parts.reduce((sum, { tokens }) => sum + tokens, 0);
