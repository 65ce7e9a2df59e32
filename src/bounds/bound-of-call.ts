import type { Buffer } from 'node:buffer';
import type { BoundedCall, ClawCaps } from './bounded-call.ts';
import { boundOf, type BoundPart, type CallBound } from './call-bound.ts';
import { choicesOf, outputPart } from './choices.ts';
import { canTighten, inputParts, tightenedParts, type ModelInput } from './input-bound.ts';
import type { ModelFacts } from './model-facts.ts';
import { withOutputLimit } from './output-limit.ts';
import { refuseUnbounded } from './refused-fields.ts';
import { imageData, list, positive, record, type Request } from './request-parts.ts';
import { allowed, Unbounded } from './unbounded.ts';

/** A chat completion as it is sent, with its bound. Errors: `meter_unbounded` {field, reason, remedy}, `meter_request_invalid` {field}. */
export function boundedChat(parsed: Request, model: ModelFacts, claw: ClawCaps): BoundedCall {
  const met = new Unbounded(claw.unbounded);
  const request = withOutputLimit(parsed, claw, model);
  refuseUnbounded(request, met);
  const body = JSON.stringify(request);
  const input = chatInput(body, request);
  const output = chatOutput(request, model);
  if (met.met.size > 0)
    return {
      body,
      bound: allowed(boundOf(inputParts(input, model), [output]), met, claw.unbounded),
    };
  return {
    body,
    bound: boundOf(inputParts(input, model), [output]),
    ...(canTighten(input, model) && {
      tighten: async () => boundOf(await tightenedParts(input, model), [output]),
    }),
  };
}

/**
 * An upper bound of the tokens that a chat completion can take. `body` is the request exactly as it is sent, `parsed` the
 * same as an object. Reasoning is part of the output limit. Errors: `meter_unbounded` {field, reason, remedy}, `meter_request_invalid` {field}.
 */
export function boundOfCall(body: Buffer | string, parsed: Request, model: ModelFacts): CallBound {
  refuseUnbounded(parsed, new Unbounded(undefined));
  return boundOf(inputParts(chatInput(body.toString(), parsed), model), [chatOutput(parsed, model)]);
}

function chatInput(body: string, parsed: Request): ModelInput {
  const contents = list(parsed.messages).map((message) => record(message).content);
  const parts = contents.flatMap(list).map(record);
  const texts = [...contents, ...parts.flatMap(({ text, refusal }) => [text, refusal])].filter(
    (text) => typeof text === 'string',
  );
  const images = parts.flatMap(({ type, image_url: image }) => {
    const url = type === 'image_url' ? imageData(image) : undefined;
    return url === undefined ? [] : [{ url, detail: record(image).detail }];
  });
  return { body, texts, images, tools: parsed.tools ?? parsed.functions };
}

function chatOutput(parsed: Request, model: ModelFacts): BoundPart {
  const limits = (['max_completion_tokens', 'max_tokens'] as const).map((field) => positive(parsed, field));
  const given = limits.filter((limit) => limit !== undefined);
  // With both, nobody knows which one the server heeds.
  return outputPart(given.length > 0 ? Math.max(...given) : model.maxOutputTokens, choicesOf(parsed));
}
