import { z } from 'zod';
import { embed } from '../model/embedding.ts';
import { invalidParameter } from '../provider-error.ts';
import { parseRequest } from '../request-schema.ts';
import { tokensOf } from '../tokens.ts';
import { admit } from './admit.ts';
import { jsonBody } from './body.ts';
import { scriptedFaults } from './faults.ts';
import type { Visit } from './visit.ts';

const MOST_TOKENS = 8192;
const MOST_INPUTS = 2048;
const MOST_TOKENS_ALTOGETHER = 300_000;
const DIMENSIONS: Record<string, number> = { 'text-embedding-3-large': 3072 };
const USUAL_DIMENSIONS = 1536;

const text = z.string().min(1);
const tokens = z.array(z.int().min(0).max(250_000)).min(1);
const embeddingsRequest = z.looseObject({
  model: z.string().min(1),
  input: z.union([
    text,
    tokens,
    z.array(text).min(1).max(MOST_INPUTS),
    z.array(tokens).min(1).max(MOST_INPUTS),
  ]),
  dimensions: z.int().min(1).nullish(),
  encoding_format: z.enum(['float', 'base64']).nullish(),
});

/** `POST /v1/embeddings`. */
export async function createEmbeddings(visit: Visit): Promise<void> {
  const { exchange } = visit;
  const request = parseRequest(embeddingsRequest, await jsonBody(exchange.request));
  const inputs = inputsOf(request.input).map((input) =>
    typeof input === 'string' ? tokensOf(input) : input,
  );
  const used = inputs.reduce((sum, input) => sum + input.length, 0);
  admit(visit, 'embeddings', request.model, used);
  refuseTooLong(inputs, used);
  const dimensions = dimensionsOf(request.model, request.dimensions ?? undefined);
  const texts = inputsOf(request.input).filter((input) => typeof input === 'string');
  const { reportsUsage } = await scriptedFaults(visit, texts.join('\n'), request.model);
  exchange.booking.inputTokens = used;
  exchange.booking.told = reportsUsage;
  exchange.json(200, {
    object: 'list',
    data: inputs.map((input, index) => {
      const vector = embed(input, dimensions);
      return {
        object: 'embedding',
        index,
        embedding: request.encoding_format === 'base64' ? inBase64(vector) : vector,
      };
    }),
    model: request.model,
    ...(reportsUsage && { usage: { prompt_tokens: used, total_tokens: used } }),
  });
}

function inputsOf(input: z.infer<typeof embeddingsRequest>['input']): (string | number[])[] {
  if (typeof input === 'string') return [input];
  return typeof input[0] === 'number' ? [input as number[]] : (input as (string | number[])[]);
}

function refuseTooLong(inputs: readonly (readonly number[])[], altogether: number): void {
  const longest = Math.max(...inputs.map(({ length }) => length));
  if (longest > MOST_TOKENS)
    throw invalidParameter(
      'input',
      `This model's maximum context length is ${MOST_TOKENS} tokens, however you requested ${longest} tokens (${longest} in your prompt; 0 for the completion). Please reduce your prompt; or completion length.`,
    );
  if (altogether > MOST_TOKENS_ALTOGETHER)
    throw invalidParameter(
      'input',
      `Requested ${altogether} tokens, max ${MOST_TOKENS_ALTOGETHER} tokens per request.`,
    );
}

function dimensionsOf(model: string, wanted: number | undefined): number {
  const most = DIMENSIONS[model] ?? USUAL_DIMENSIONS;
  if (wanted === undefined) return most;
  if (model === 'text-embedding-ada-002')
    throw invalidParameter('dimensions', 'This model does not support specifying dimensions.');
  if (wanted > most)
    throw invalidParameter('dimensions', `Invalid value for 'dimensions': at most ${most} with this model.`);
  return wanted;
}

/** 32-bit floats, least byte first. */
function inBase64(vector: readonly number[]): string {
  return Buffer.from(Float32Array.from(vector).buffer).toString('base64');
}
