import { boundOfSpeech } from '#bounds/speech.ts';
import { modelFor } from '#bounds/claw-models.ts';
import type { PreparedCall } from '../prepared-call.ts';
import type { AgentRequest, ClawBounds } from './agent-request.ts';
import { parseObject, written } from './json-object.ts';

/** The types that OpenAI answers with, by `response_format`. */
const TYPES = {
  mp3: 'audio/mpeg',
  opus: 'audio/opus',
  aac: 'audio/aac',
  flac: 'audio/flac',
  wav: 'audio/wav',
  pcm: 'audio/pcm',
} as const;

/**
 * Speech made ready. The audio alone comes without a word of what it cost; the same audio as events comes with its usage. So events are asked for where the
 * model is known to have them, and the agent gets the audio out of them. Errors: `meter_request_invalid`, `meter_model_refused`, `meter_unbounded`.
 */
export function prepareSpeech({ body, accept }: AgentRequest, claw: ClawBounds): PreparedCall {
  const parsed = parseObject(body);
  const model = modelFor('speech', parsed['model'], claw);
  const request = { ...parsed, model };
  const tokens = boundOfSpeech(request, claw.unbounded).total;
  const audioType = hasEvents(model) && parsed['stream_format'] !== 'sse' ? typeOf(parsed) : undefined;
  return {
    operation: 'speech',
    model,
    method: 'POST',
    path: '/audio/speech',
    accept,
    body: written(audioType === undefined ? request : { ...request, stream_format: 'sse' }),
    tokens,
    ...(audioType !== undefined && { audioType }),
  };
}

const hasEvents = (model: string): boolean => /^gpt-[a-z0-9.-]*tts(-|$)/.test(model);

/** Undefined for a format that is not known: the provider says what it thinks of it. */
function typeOf(parsed: Readonly<Record<string, unknown>>): string | undefined {
  const format = parsed['response_format'] ?? 'mp3';
  return typeof format === 'string' && Object.hasOwn(TYPES, format)
    ? TYPES[format as keyof typeof TYPES]
    : undefined;
}
