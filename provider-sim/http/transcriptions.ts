import { z } from 'zod';
import { audioFacts, type AudioFacts } from '../media/audio-facts.ts';
import { segmentsOf, srt, transcriptOf, vtt } from '../media/transcript.ts';
import { invalidParameter, ProviderError } from '../provider-error.ts';
import { parseRequest } from '../request-schema.ts';
import { countTokens, textPieces } from '../tokens.ts';
import { admit } from './admit.ts';
import { formBody } from './body.ts';
import type { StreamEvent } from './exchange.ts';
import { scriptedFaults } from './faults.ts';
import type { Visit } from './visit.ts';

/** Tokens of a second of sound that a model listens to. */
const TOKENS_A_SECOND = 10;
const MOST_SECONDS = 1400;
const LIMIT_BYTES = 25 * 1024 * 1024;

const fields = z.looseObject({
  model: z.string().min(1),
  prompt: z.string().optional(),
  language: z.string().optional(),
  response_format: z.enum(['json', 'text', 'srt', 'verbose_json', 'vtt']).default('json'),
  stream: z.stringbool().optional(),
});

/** What was heard, and what it cost. */
interface Heard {
  readonly text: string;
  readonly facts: AudioFacts;
  readonly language: string;
  readonly task: 'transcribe' | 'translate';
  readonly words: boolean;
  readonly usage: object | undefined;
}

/** `POST /v1/audio/transcriptions`. Whisper tells its usage in seconds and books no tokens. */
export async function createTranscription(visit: Visit): Promise<void> {
  await listen(visit, 'transcriptions');
}

/** `POST /v1/audio/translations`. */
export async function createTranslation(visit: Visit): Promise<void> {
  await listen(visit, 'translations');
}

async function listen(visit: Visit, operation: 'transcriptions' | 'translations'): Promise<void> {
  const { exchange } = visit;
  const { booking } = exchange;
  const form = await formBody(exchange.request);
  const request = parseRequest(fields, form.fields());
  const [file] = form.files('file');
  if (file === undefined) throw invalidParameter('file', "Missing required parameter: 'file'.");
  const facts = await soundOf(file);
  const byTime = request.model.startsWith('whisper');
  const heardText = transcriptOf(facts, file.size, file.name);
  const text = operation === 'translations' ? `In English: ${heardText}` : heardText;
  const audioTokens = byTime ? 0 : Math.ceil(facts.seconds * TOKENS_A_SECOND);
  const textTokens = byTime ? 0 : countTokens(request.prompt ?? '');
  admit(visit, operation, request.model, audioTokens + textTokens);
  refuseFormat(byTime, request.response_format);
  if (!byTime && facts.seconds > MOST_SECONDS)
    throw invalidParameter(
      'file',
      `audio duration ${facts.seconds} seconds is longer than ${MOST_SECONDS} seconds which is the maximum for this model`,
    );
  const { reportsUsage } = await scriptedFaults(visit, request.prompt ?? '', request.model);
  booking.inputTokens = audioTokens + textTokens;
  booking.outputTokens = byTime ? 0 : countTokens(text);
  booking.streamed = request.stream === true && !byTime;
  const usage = byTime
    ? { type: 'duration', seconds: Math.ceil(facts.seconds) }
    : {
        type: 'tokens',
        input_tokens: booking.inputTokens,
        input_token_details: { text_tokens: textTokens, audio_tokens: audioTokens },
        output_tokens: booking.outputTokens,
        total_tokens: booking.inputTokens + booking.outputTokens,
      };
  booking.told =
    !byTime && reportsUsage && operation === 'transcriptions' && hasUsage(request.response_format);
  const told = reportsUsage && operation === 'transcriptions' ? usage : undefined;
  if (booking.streamed) return exchange.events(streamed(text, told), false);
  send(visit, request.response_format, {
    text,
    facts,
    language: operation === 'translations' ? 'english' : (request.language ?? 'english'),
    task: operation === 'translations' ? 'translate' : 'transcribe',
    words: form.texts('timestamp_granularities').includes('word'),
    usage: told,
  });
}

async function soundOf(file: File): Promise<AudioFacts> {
  if (file.size > LIMIT_BYTES)
    throw new ProviderError(413, {
      message: `Maximum content size limit (${LIMIT_BYTES}) exceeded (${file.size} bytes read)`,
      type: 'server_error',
    });
  const facts = audioFacts(Buffer.from(await file.arrayBuffer()));
  if (facts !== undefined) return facts;
  throw invalidParameter(
    'file',
    'Audio file might be corrupted or unsupported. FLAC, MP3, MP4, Ogg, WAV and WebM are supported.',
  );
}

function refuseFormat(byTime: boolean, format: string): void {
  if (byTime || format === 'json' || format === 'text') return;
  throw invalidParameter(
    'response_format',
    `response_format '${format}' is not compatible with this model. Use 'json' or 'text' instead.`,
  );
}

/** Of the plain formats none says what was used. */
function hasUsage(format: string): boolean {
  return format === 'json' || format === 'verbose_json';
}

function send({ exchange }: Visit, format: z.infer<typeof fields>['response_format'], heard: Heard): void {
  const { text, facts, usage } = heard;
  const segments = segmentsOf(text, facts.seconds);
  if (format === 'json') return exchange.json(200, { text, ...(usage && { usage }) });
  if (format === 'verbose_json') return exchange.json(200, verbose(heard));
  const plain = { text: () => `${text}\n`, srt: () => srt(segments), vtt: () => vtt(segments) }[format]();
  exchange.body(200, 'text/plain; charset=utf-8', plain);
}

function verbose({ text, facts, language, task, words, usage }: Heard): object {
  const segments = segmentsOf(text, facts.seconds);
  return {
    task,
    language,
    duration: facts.seconds,
    text,
    segments: segments.map((segment, id) => ({
      id,
      seek: 0,
      ...segment,
      tokens: [],
      temperature: 0,
      avg_logprob: -0.1,
      compression_ratio: 1,
      no_speech_prob: 0.01,
    })),
    ...(words && { words: wordsOf(text, facts.seconds) }),
    ...(usage && { usage }),
  };
}

function wordsOf(text: string, seconds: number): object[] {
  const words = text.split(' ');
  const each = seconds / words.length;
  return words.map((word, at) => ({ word, start: at * each, end: (at + 1) * each }));
}

function streamed(text: string, usage: object | undefined): StreamEvent[] {
  return [
    ...[...textPieces(text)].map((piece) => ({ type: 'transcript.text.delta', delta: piece.text })),
    { type: 'transcript.text.done', text, ...(usage && { usage }) },
  ];
}
