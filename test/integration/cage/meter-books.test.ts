import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { toFile, type OpenAI } from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MeterBench, MeterUnderTest } from './meter-bench.ts';

let bench: MeterBench;
beforeAll(async () => {
  bench = await MeterBench.start();
});
afterAll(() => bench[Symbol.asyncDispose]());

const MODELS = {
  chat: ['gpt-5-mini'],
  embeddings: ['text-embedding-3-small'],
  images: ['gpt-image-1', 'gpt-image-2', 'gpt-image-1.5'],
  speech: ['gpt-4o-mini-tts', 'tts-1'],
  transcriptions: ['gpt-4o-transcribe', 'whisper-1'],
  translations: ['whisper-1'],
  moderations: ['omni-moderation-latest'],
};

/** A second of silence, 8 kHz, 16 bits. */
const WAV = Buffer.concat([
  Buffer.from(
    '52494646a43e000057415645666d7420100000000100010040' + '1f0000803e00000200100064617461803e0000',
    'hex',
  ),
  Buffer.alloc(16_000),
]);
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const wav = () => toFile(WAV, 'a.wav', { type: 'audio/wav' });
const png = () => toFile(PNG, 'a.png', { type: 'image/png' });
const drain = async (stream: AsyncIterable<unknown>): Promise<void> => {
  for await (const _ of stream);
};
const tools = [{ type: 'function' as const, name: 'f', parameters: { type: 'object' }, strict: false }];

type Call = (client: OpenAI) => Promise<unknown>;
const CALLS: readonly (readonly [string, Call])[] = [
  ['a response', (c) => c.responses.create({ model: 'gpt-4o', input: 'Tell me something.' })],
  [
    'a response of a thinking model',
    (c) => c.responses.create({ model: 'gpt-5-mini', input: '@reason 30 tokens\n@say yes' }),
  ],
  ['a response with tools', (c) => c.responses.create({ model: 'gpt-4o', input: 'Use f.', tools })],
  [
    'a streamed response',
    async (c) => drain(await c.responses.create({ model: 'gpt-4o', input: '@say one two', stream: true })),
  ],
  [
    'a response that is cut short',
    async (c) =>
      drain(
        await c.responses.create({
          model: 'gpt-4o',
          input: `@say ${'word '.repeat(60)}`,
          stream: true,
          max_output_tokens: 16,
        }),
      ),
  ],
  [
    'embeddings',
    (c) => c.embeddings.create({ model: 'text-embedding-3-small', input: ['one', 'two words'] }),
  ],
  [
    'images',
    (c) =>
      c.images.generate({ model: 'gpt-image-1', prompt: 'a cat', n: 2, size: '1024x1024', quality: 'low' }),
  ],
  ['an image of no certain size', (c) => c.images.generate({ model: 'gpt-image-2', prompt: 'a cat' })],
  [
    'an image that comes bit by bit',
    async (c) =>
      drain(
        await c.images.generate({
          model: 'gpt-image-1.5',
          prompt: 'a cat',
          stream: true,
          partial_images: 2,
          quality: 'low',
        }),
      ),
  ],
  [
    'an edited image',
    async (c) =>
      c.images.edit({ image: await png(), prompt: 'a hat', input_fidelity: 'high', size: '1024x1536' }),
  ],
  [
    'speech',
    (c) =>
      c.audio.speech.create({ model: 'gpt-4o-mini-tts', voice: 'alloy', input: 'Hello there, how are you?' }),
  ],
  [
    'slow speech',
    (c) => c.audio.speech.create({ model: 'gpt-4o-mini-tts', voice: 'alloy', input: 'Hello', speed: 0.25 }),
  ],
  [
    'speech by the character',
    (c) => c.audio.speech.create({ model: 'tts-1', voice: 'alloy', input: 'Hello' }),
  ],
  [
    'a transcription',
    async (c) => c.audio.transcriptions.create({ model: 'gpt-4o-transcribe', file: await wav() }),
  ],
  [
    'a transcription by the minute',
    async (c) => c.audio.transcriptions.create({ model: 'whisper-1', file: await wav() }),
  ],
  [
    'a streamed transcription',
    async (c) =>
      drain(
        await c.audio.transcriptions.create({ model: 'gpt-4o-transcribe', file: await wav(), stream: true }),
      ),
  ],
  ['a translation', async (c) => c.audio.translations.create({ model: 'whisper-1', file: await wav() })],
  ['a moderation', (c) => c.moderations.create({ input: 'hello' })],
  ['a count of input tokens', (c) => c.responses.inputTokens.count({ model: 'gpt-4o', input: 'hello' })],
  [
    'a file',
    async (c) =>
      c.files.create({
        file: await toFile(readFileSync(import.meta.filename), 'a.ts'),
        purpose: 'user_data',
      }),
  ],
];

describe('what the meter settles is what the provider has booked, within what was reserved', () => {
  test.each(CALLS)('%s', async (_, call) => {
    await using meter = await MeterUnderTest.start(bench, { models: MODELS });
    await call(meter.client());
    const booked = bench.provider.books().at(-1)!;
    const { usage, model, operation, charge, status } = meter.only('settle');
    const settled = usage ?? {
      inputTokens: 0,
      cachedTokens: 0,
      outputTokens: 0,
      reasoningTokens: 0,
      totalTokens: 0,
    };
    expect({ ...settled, status }).toEqual({
      inputTokens: booked.inputTokens,
      cachedTokens: booked.cachedTokens,
      outputTokens: booked.outputTokens,
      reasoningTokens: booked.reasoningTokens,
      totalTokens: booked.totalTokens,
      status: booked.status,
    });
    expect(operation).toBe(booked.operation);
    if (booked.model !== null) expect(model).toBe(booked.model);
    expect(charge).toBe(usage === undefined ? 'request' : 'reported');
    expect(meter.only('permit_request').tokens).toBeGreaterThanOrEqual(booked.totalTokens);
  });
});

/** The same call without a meter. */
function direct(path: string, ask: object): Promise<{ type: string | undefined; body: Buffer }> {
  const { caPem: ca, key } = bench.provider;
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const call = request(`${bench.baseUrl}${path}`, { method: 'POST', ca, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve({ type: answer.headers['content-type'], body: Buffer.concat(chunks) }));
    });
    call.on('error', reject);
    call.end(JSON.stringify(ask));
  });
}

test.each(['wav', 'mp3', 'opus', 'aac', 'flac', 'pcm'] as const)(
  '%s is the same as without a meter',
  async (format) => {
    await using meter = await MeterUnderTest.start(bench, { models: MODELS });
    const ask = { model: 'gpt-4o-mini-tts', voice: 'alloy', input: 'Hello there.', response_format: format };
    const audio = await meter.client().audio.speech.create(ask);
    const expected = await direct('/audio/speech', ask);
    expect(audio.headers.get('content-type')).toBe(expected.type);
    expect(Buffer.from(await audio.arrayBuffer()).equals(expected.body)).toBe(true);
  },
);
