import { boundedChat } from './bound-of-call.ts';
import type { BoundedCall, ClawCaps } from './bounded-call.ts';
import type { CallBound } from './call-bound.ts';
import { chatModel, modelFor, type ClawModels } from './claw-models.ts';
import { boundedEmbedding, embeddingFacts } from './embedding.ts';
import { imagesKnownSince } from './image-models.ts';
import { boundOfImages } from './image.ts';
import { boundOfModeration } from './moderation.ts';
import { factsOf } from './models.ts';
import type { Request } from './request-parts.ts';
import { boundedResponseCall } from './response.ts';
import { boundOfSpeech, speechKnownSince } from './speech.ts';

/** The calls that can be explained, by their path as an agent calls it. */
export type ExplainablePath =
  | '/v1/chat/completions'
  | '/v1/responses'
  | '/v1/embeddings'
  | '/v1/images/generations'
  | '/v1/audio/speech'
  | '/v1/moderations';

/** What of a Claw decides how its calls are bounded: its models, `tokensPerMinute`, `maxOutputTokens`, `unbounded`. */
export interface ClawForBounds extends ClawModels, ClawCaps {}

export interface ExplainedCall {
  /** As it is counted: chat, responses, embeddings, images, speech, moderations. */
  readonly operation: string;
  readonly model: string;
  /** When the model's figures were looked up (`2026-11`); null where safe assumptions stand in for them. */
  readonly modelKnownSince: string | null;
  readonly bound: CallBound;
  /** What is reserved where `bound` would have to wait; null where that is no less. */
  readonly tightened: CallBound | null;
  /** The provider counts the input first, at the cost of a request; then the reservation is that count and the output limit. */
  readonly countedFirst: boolean;
}

/**
 * What the meter would reserve for a request and why, by the very functions that the meter uses. Nothing of the request is kept or part of the answer.
 * Errors as the agent would get them: `meter_model_refused`, `meter_unbounded` {field, reason, remedy}, `meter_request_invalid` {field, reason}.
 */
export async function explainCall(
  path: ExplainablePath,
  body: Request,
  claw: ClawForBounds,
): Promise<ExplainedCall> {
  const { operation, model, call, knownSince } = bounded(path, body, claw);
  const tight = call.countFirst === undefined ? await call.tighten?.() : undefined;
  return {
    operation,
    model,
    modelKnownSince: knownSince ?? null,
    bound: call.bound,
    tightened: tight !== undefined && tight.total < call.bound.total ? tight : null,
    countedFirst: call.countFirst !== undefined,
  };
}

interface Found {
  readonly operation: string;
  readonly model: string;
  readonly call: Omit<BoundedCall, 'body'>;
  readonly knownSince?: string | undefined;
}

function bounded(path: ExplainablePath, body: Request, claw: ClawForBounds): Found {
  switch (path) {
    case '/v1/chat/completions': {
      const model = chatModel(body.model, claw);
      const facts = factsOf(model);
      return { operation: 'chat', model, call: boundedChat(body, facts, claw), knownSince: facts.knownSince };
    }
    case '/v1/responses': {
      const model = chatModel(body.model, claw);
      const facts = factsOf(model);
      const call = boundedResponseCall(body, facts, claw);
      return { operation: 'responses', model, call, knownSince: facts.knownSince };
    }
    case '/v1/embeddings': {
      const model = modelFor('embeddings', body.model, claw);
      const call = boundedEmbedding({ ...body, model }, claw);
      return { operation: 'embeddings', model, call, knownSince: embeddingFacts(model).knownSince };
    }
    case '/v1/images/generations': {
      const model = modelFor('images', body.model, claw);
      const bound = boundOfImages({ ...body, model }, 0, claw.unbounded);
      return { operation: 'images', model, call: { bound }, knownSince: imagesKnownSince(model) };
    }
    case '/v1/audio/speech': {
      const model = modelFor('speech', body.model, claw);
      const bound = boundOfSpeech({ ...body, model }, claw.unbounded);
      return { operation: 'speech', model, call: { bound }, knownSince: speechKnownSince(model) };
    }
    case '/v1/moderations': {
      const model = modelFor('moderations', body.model, claw);
      const bound = boundOfModeration({ ...body, model }, claw.unbounded);
      return { operation: 'moderations', model, call: { bound } };
    }
  }
}
