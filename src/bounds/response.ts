import type { Buffer } from 'node:buffer';
import type { BoundedCall, ClawCaps, CountFirst } from './bounded-call.ts';
import { boundOf, type CallBound } from './call-bound.ts';
import { outputPart } from './choices.ts';
import { canTighten, inputParts, tightenedParts, type ModelInput } from './input-bound.ts';
import type { ModelFacts } from './model-facts.ts';
import { defaultLimit } from './output-limit.ts';
import { imageData, list, positive, record, type Request } from './request-parts.ts';
import { mayBeStored, refuseUnboundedResponse } from './response-fields.ts';
import { allowed, Unbounded } from './unbounded.ts';

/** The API refuses a smaller `max_output_tokens`. */
const LEAST_OUTPUT = 16;

/** A response as it is sent, with its bound. Errors: `meter_unbounded` {field, reason, remedy}, `meter_request_invalid` {field}. */
export function boundedResponseCall(parsed: Request, model: ModelFacts, claw: ClawCaps): BoundedCall {
  const met = new Unbounded(claw.unbounded);
  const request = asSent(parsed, claw, model, met);
  const body = JSON.stringify(request);
  const bound = boundOfResponse(body, request, model);
  if (met.met.size > 0) {
    const counted = countsFirst(met, claw) ? countFirst(request, model) : undefined;
    return {
      body,
      bound: allowed(bound, met, claw.unbounded),
      ...(counted && { countFirst: counted }),
    };
  }
  const input = responseInput(body, request);
  return {
    body,
    bound,
    ...(canTighten(input, model) && {
      tighten: async () => boundOf(await tightenedParts(input, model), [responseOutput(request, model)]),
    }),
  };
}

/** The count of a response's input as it is sent. Errors: `meter_unbounded` {field, reason, remedy}. */
export function countedInput(parsed: Request, claw: ClawCaps): string {
  refuseUnboundedResponse(parsed, new Unbounded(claw.unbounded));
  return JSON.stringify(parsed);
}

/**
 * The response as it is sent: not stored (the API stores by default) unless the Claw may go on with stored ones, with an output limit where the agent set
 * none. A limit that the agent set stands. Errors: `meter_unbounded` {field, reason, remedy}, `meter_request_invalid` {field}.
 */
export function boundedResponse(parsed: Request, claw: ClawCaps, model: ModelFacts): Record<string, unknown> {
  return asSent(parsed, claw, model, new Unbounded(claw.unbounded));
}

function asSent(parsed: Request, claw: ClawCaps, model: ModelFacts, met: Unbounded): Record<string, unknown> {
  refuseUnboundedResponse(parsed, met);
  const limit = positive(parsed, 'max_output_tokens') ?? Math.max(LEAST_OUTPUT, defaultLimit(claw, model));
  return { ...parsed, ...(!mayBeStored(met) && { store: false }), max_output_tokens: limit };
}

/** An upper bound of a response that `boundedResponse` made; `body` is the same as it is sent. Reasoning is part of the output limit. */
export function boundOfResponse(body: Buffer | string, parsed: Request, model: ModelFacts): CallBound {
  return boundOf(inputParts(responseInput(body.toString(), parsed), model), [responseOutput(parsed, model)]);
}

const responseOutput = (parsed: Request, model: ModelFacts) =>
  outputPart(positive(parsed, 'max_output_tokens') ?? model.maxOutputTokens);

function responseInput(body: string, parsed: Request): ModelInput {
  const items = list(parsed.input).map(record);
  const lists = items.flatMap(({ content, output, summary }) => [content, output, summary]);
  const parts = lists.flatMap(list).map(record);
  const texts = [
    parsed.instructions,
    parsed.input,
    ...lists,
    ...parts.flatMap(({ text, refusal }) => [text, refusal]),
  ];
  const images = parts.flatMap((part) => {
    const url = part.type === 'input_image' ? imageData(part.image_url) : undefined;
    return url === undefined ? [] : [{ url, detail: part.detail }];
  });
  return { body, texts: texts.filter((text) => typeof text === 'string'), images, tools: parsed.tools };
}

const HISTORY = new Set(['previous_response_id', 'conversation']);
/** What `POST /responses/input_tokens` takes (https://platform.openai.com/docs/api-reference/responses/input-tokens, looked up 2026-11). */
const COUNTED =
  'model input instructions tools tool_choice previous_response_id conversation parallel_tool_calls reasoning text truncation personality'.split(
    ' ',
  );

const countsFirst = (met: Unbounded, { unbounded }: ClawCaps): boolean =>
  unbounded?.countInput === true && [...met.met].every((feature) => HISTORY.has(feature));

/** What the provider keeps may grow between its count and the call only where two calls use one `conversation` at once. */
function countFirst(request: Request, model: ModelFacts): CountFirst {
  const asked = Object.fromEntries(Object.entries(request).filter(([field]) => COUNTED.includes(field)));
  return {
    path: '/responses/input_tokens',
    body: JSON.stringify(asked),
    boundOf: (inputTokens) =>
      boundOf(
        [
          { part: 'counted', tokens: inputTokens, why: 'What the provider counted, earlier turns with it.' },
          {
            part: 'overhead',
            tokens: model.overheadTokens,
            why: 'What the provider adds to a call, at most: framing, headings of tools.',
          },
        ],
        [responseOutput(request, model)],
      ),
  };
}
