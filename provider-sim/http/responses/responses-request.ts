import { z } from 'zod';
import { invalidParameter, ProviderError } from '../../provider-error.ts';
import { parseRequest } from '../../request-schema.ts';

const part = z.looseObject({ type: z.string() });
const content = z.union([z.string(), z.array(part)]);

/** An item of the input: what a user says, what the model said before, a tool's call or its output. */
const item = z.union([
  z.looseObject({
    type: z.literal('message').optional(),
    role: z.enum(['user', 'assistant', 'system', 'developer']),
    content,
  }),
  z.looseObject({
    type: z.literal('function_call'),
    call_id: z.string(),
    name: z.string(),
    arguments: z.string(),
  }),
  z.looseObject({ type: z.literal('function_call_output'), call_id: z.string(), output: content }),
  z.looseObject({ type: z.literal('reasoning') }),
  z.looseObject({ type: z.literal('item_reference'), id: z.string() }),
]);

const functionTool = z.looseObject({
  type: z.literal('function'),
  name: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/),
  description: z.string().nullish(),
  parameters: z.looseObject({}).nullish(),
});
const hostedTool = z.looseObject({ type: z.string().refine((type) => type !== 'function') });

const format = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text') }),
  z.looseObject({ type: z.literal('json_object') }),
  z.looseObject({
    type: z.literal('json_schema'),
    name: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/),
    schema: z.looseObject({}),
  }),
]);

const responsesRequest = z.looseObject({
  model: z.string().min(1),
  input: z.union([z.string(), z.array(item)]).nullish(),
  instructions: z.string().nullish(),
  previous_response_id: z.string().nullish(),
  stream: z.boolean().nullish(),
  store: z.boolean().nullish(),
  background: z.boolean().nullish(),
  tools: z
    .array(z.union([functionTool, hostedTool]))
    .max(128)
    .nullish(),
  tool_choice: z.unknown().optional(),
  parallel_tool_calls: z.boolean().nullish(),
  max_output_tokens: z.int().min(16).nullish(),
  reasoning: z.looseObject({ effort: z.string().nullish(), summary: z.string().nullish() }).nullish(),
  text: z.looseObject({ format: format.nullish() }).nullish(),
  include: z.array(z.string()).nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
});

export type InputItem = z.infer<typeof item>;
export type ResponsesTool = z.infer<typeof functionTool> | z.infer<typeof hostedTool>;

/** The parts of `POST /v1/responses` that the simulator acts on; whatever else is sent is let through and ignored. */
export type ResponsesRequest = z.infer<typeof responsesRequest>;

/** What would keep state or spend tokens out of sight, which is not simulated. */
const NOT_HERE = ['background', 'conversation', 'prompt', 'context_management'] as const;

/** Reads a body as OpenAI would; throws its 400, which names the parameter in question. */
export function parseResponsesRequest(body: unknown): ResponsesRequest {
  const limit = (body as { max_output_tokens?: unknown } | null)?.max_output_tokens;
  if (typeof limit === 'number' && limit < 16)
    throw new ProviderError(400, {
      message: `Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got ${limit} instead.`,
      type: 'invalid_request_error',
      param: 'max_output_tokens',
      code: 'integer_below_min_value',
    });
  const request = parseRequest(responsesRequest, body);
  for (const name of NOT_HERE)
    if (request[name] != null && request[name] !== false)
      throw invalidParameter(name, `The simulator does not have '${name}'.`);
  if (request.input == null && request.previous_response_id == null)
    throw invalidParameter('input', "Missing required parameter: 'input'.");
  return request;
}

/** The input as items; a text alone is a user's message. */
export function inputItems({ input }: Pick<ResponsesRequest, 'input'>): InputItem[] {
  return typeof input === 'string' ? [{ role: 'user', content: input }] : (input ?? []);
}
