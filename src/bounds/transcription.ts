import { Buffer } from 'node:buffer';
import { boundOf, NO_TOKENS, type CallBound } from './call-bound.ts';
import { fields, refuseOthers, type Request } from './request-parts.ts';
import { allowed, Unbounded, type UnboundedPolicy } from './unbounded.ts';
import { wavSeconds } from './wav-seconds.ts';

const BOUNDED = fields(
  `model prompt language response_format temperature stream include timestamp_granularities chunking_strategy`,
);

/**
 * The models that are charged by tokens: audio at 10 tokens a second, a context of 16 000 tokens, 2 000 of them out, and no recording longer than 1500 seconds
 * (https://platform.openai.com/docs/models/gpt-4o-transcribe, its error message "longer than 1400 seconds", https://community.openai.com/t/1306684;
 * looked up 2026-11).
 */
const OPENAI = {
  tokensPerSecond: 12,
  contextTokens: 16_000,
  outputTokens: 2_000,
  mostSeconds: 1_500,
};

/** A server that is not known: nothing says how long a recording it takes, and 6 kbit/s is what speech is compressed to at most. */
const OTHER = { tokensPerSecond: 25, outputTokens: 4_096, leastBytesPerSecond: 750 };
/** Fast speech has seven. */
const TEXT_TOKENS_PER_SECOND = 10;
const OVERHEAD_TOKENS = 64;

/**
 * An upper bound of the tokens of a transcription or translation. Whisper is charged by the minute and reports a duration: its calls count as requests.
 * A recording cut into chunks may write its limit in each, and gets its prompt with each, so both count by what speech can hold.
 * Errors: `meter_unbounded` {field, reason}.
 */
export function boundOfTranscription(parsed: Request, audio: Buffer, policy?: UnboundedPolicy): CallBound {
  const met = new Unbounded(policy);
  refuseOthers(parsed, BOUNDED, met);
  return allowed(ofModel(parsed, audio), met, policy);
}

function ofModel(parsed: Request, audio: Buffer): CallBound {
  const model = String(parsed.model);
  if (/(^|\/)whisper-/.test(model)) return NO_TOKENS;
  const prompt = typeof parsed.prompt === 'string' ? Buffer.byteLength(parsed.prompt) : 0;
  return /^gpt-(4o-|4o-mini-)?transcribe(-|$)/.test(model)
    ? ofOpenAi(parsed, prompt, wavSeconds(audio))
    : ofOther(prompt, wavSeconds(audio) ?? audio.length / OTHER.leastBytesPerSecond);
}

function ofOpenAi(parsed: Request, prompt: number, length: number | undefined): CallBound {
  const seconds = Math.min(length ?? OPENAI.mostSeconds, OPENAI.mostSeconds);
  const heard = Math.ceil(seconds * OPENAI.tokensPerSecond) + prompt + OVERHEAD_TOKENS;
  const inChunks = (parsed.chunking_strategy ?? null) !== null;
  return inChunks
    ? ofSound(seconds, 2 * heard, OPENAI.outputTokens + Math.ceil(seconds * TEXT_TOKENS_PER_SECOND))
    : ofSound(seconds, Math.min(heard, OPENAI.contextTokens), OPENAI.outputTokens);
}

function ofOther(prompt: number, seconds: number): CallBound {
  return ofSound(
    seconds,
    Math.ceil(seconds * OTHER.tokensPerSecond + prompt * 1.25) + OVERHEAD_TOKENS,
    OTHER.outputTokens + Math.ceil(seconds * TEXT_TOKENS_PER_SECOND),
  );
}

function ofSound(seconds: number, input: number, output: number): CallBound {
  const length = Math.ceil(seconds);
  return boundOf(
    [{ part: 'audio', tokens: input, why: `At most ${length} seconds of sound, and the prompt.` }],
    [{ part: 'output', tokens: output, why: `The most that is written of ${length} seconds.` }],
  );
}
