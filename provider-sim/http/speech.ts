import { z } from 'zod';
import { secondsOfSpeech, speech, SPEECH_FORMATS } from '../media/speech.ts';
import { invalidParameter } from '../provider-error.ts';
import { parseRequest } from '../request-schema.ts';
import { countTokens } from '../tokens.ts';
import { admit } from './admit.ts';
import { jsonBody } from './body.ts';
import type { StreamEvent } from './exchange.ts';
import { scriptedFaults } from './faults.ts';
import type { Visit } from './visit.ts';

/** Tokens of a second of sound that a model speaks. */
const TOKENS_A_SECOND = 20;
const DELTA_BYTES = 16 * 1024;

const speechRequest = z.looseObject({
  model: z.string().min(1),
  input: z.string().min(1).max(4096),
  voice: z.union([z.string().min(1), z.looseObject({ id: z.string() })]),
  instructions: z.string().max(4096).nullish(),
  response_format: z.enum(SPEECH_FORMATS).nullish(),
  speed: z.number().min(0.25).max(4).nullish(),
  stream_format: z.enum(['audio', 'sse']).nullish(),
});

/** `POST /v1/audio/speech`. Models of the name `tts-…` are paid by the character and use no tokens. */
export async function createSpeech(visit: Visit): Promise<void> {
  const { exchange } = visit;
  const { booking } = exchange;
  const request = parseRequest(speechRequest, await jsonBody(exchange.request));
  const byCharacter = request.model.startsWith('tts-');
  const seconds = secondsOfSpeech(request.input, request.speed ?? 1);
  const input = byCharacter ? 0 : countTokens(`${request.instructions ?? ''}${request.input}`);
  const output = byCharacter ? 0 : Math.ceil(seconds * TOKENS_A_SECOND);
  admit(visit, 'speech', request.model, input);
  booking.streamed = request.stream_format === 'sse';
  if (byCharacter && booking.streamed)
    throw invalidParameter('stream_format', `The model \`${request.model}\` does not stream as events.`);
  const { reportsUsage } = await scriptedFaults(visit, request.input, request.model);
  booking.inputTokens = input;
  booking.outputTokens = output;
  booking.told = booking.streamed && reportsUsage;
  const { type, bytes } = speech(request.response_format ?? 'mp3', seconds);
  if (!booking.streamed) return exchange.body(200, type, bytes);
  const usage = { input_tokens: input, output_tokens: output, total_tokens: input + output };
  exchange.events([...deltas(bytes), { type: 'speech.audio.done', ...(reportsUsage && { usage }) }], false);
}

function* deltas(bytes: Buffer): Generator<StreamEvent> {
  for (let at = 0; at < bytes.length; at += DELTA_BYTES)
    yield { type: 'speech.audio.delta', audio: bytes.subarray(at, at + DELTA_BYTES).toString('base64') };
}
