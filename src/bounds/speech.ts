import { Buffer } from 'node:buffer';
import { boundOf, NO_TOKENS, type CallBound } from './call-bound.ts';
import { fields, invalid, refuseOthers, type Request } from './request-parts.ts';
import { allowed, Unbounded, type UnboundedPolicy } from './unbounded.ts';

const BOUNDED = fields('model input voice instructions response_format speed stream_format');

/**
 * Audio comes out at 21 tokens a second (12 USD a million tokens, 0.015 USD a minute: https://platform.openai.com/docs/models/gpt-4o-mini-tts, looked up
 * 2026-11). Speech is slower than two bytes of text a second only where somebody asks for pauses; ordinary speech has fifteen.
 */
const TOKENS_PER_BYTE = 11;
const LEAST_AUDIO_TOKENS = 256;
const OVERHEAD_TOKENS = 64;

/**
 * An upper bound of the tokens of speech. `tts-1` and `tts-1-hd` are charged by the character and report no tokens: a call of theirs counts as a request.
 * Errors: `meter_unbounded` {field, reason}, `meter_request_invalid` {field}.
 */
export function boundOfSpeech(parsed: Request, policy?: UnboundedPolicy): CallBound {
  const met = new Unbounded(policy);
  refuseOthers(parsed, BOUNDED, met);
  const { input, instructions, speed, model } = parsed;
  if (typeof input !== 'string') throw invalid('input', 'It takes a text.');
  if (/^tts-1(-|$)/.test(String(model))) return allowed(NO_TOKENS, met, policy);
  const spoken = Buffer.byteLength(input);
  const slowness = typeof speed === 'number' && speed > 0 && speed < 1 ? 1 / Math.max(speed, 0.25) : 1;
  const asked = typeof instructions === 'string' ? Buffer.byteLength(instructions) : 0;
  const text = {
    part: 'text',
    tokens: spoken + asked + OVERHEAD_TOKENS,
    why: `${spoken + asked} bytes of text, of which none is more than a token, and a margin.`,
  };
  const audio = {
    part: 'output',
    tokens: LEAST_AUDIO_TOKENS + Math.ceil(spoken * TOKENS_PER_BYTE * slowness),
    why: `Sound of ${spoken} bytes of text, spoken as slowly as it may be.`,
  };
  return allowed(boundOf([text], [audio]), met, policy);
}

/** When the figures of a speech model were looked up; undefined where safe assumptions stand in. */
export const speechKnownSince = (model: string): string | undefined =>
  /^(tts-1|gpt-4o-mini-tts)(-|$)/.test(model) ? '2026-11' : undefined;
