import fc from 'fast-check';
import { encode } from 'gpt-tokenizer/encoding/cl100k_base';
import { describe, expect, test } from 'vitest';
import { boundOfEmbedding } from '#bounds/embedding.ts';
import { boundOfImages } from '#bounds/image.ts';
import { boundOfModeration } from '#bounds/moderation.ts';
import { boundOfSpeech } from '#bounds/speech.ts';
import { boundOfTranscription } from '#bounds/transcription.ts';
import { wavSeconds } from '#bounds/wav-seconds.ts';

const refusal = (code: string, field: string) =>
  expect.objectContaining({ code, details: expect.objectContaining({ field }) });

describe('embeddings', () => {
  const bound = (input: unknown, more = {}) => {
    const request = { model: 'text-embedding-3-small', input, ...more };
    return boundOfEmbedding(JSON.stringify(request), request).total;
  };

  test('are never below what the tokenizer counts', () => {
    const text = fc.string({ unit: 'binary', maxLength: 200 });
    fc.assert(
      fc.property(fc.array(text, { maxLength: 6 }), (texts) => {
        const counted = texts.reduce((sum, one) => sum + encode(one, { allowedSpecial: 'all' }).length, 0);
        expect(bound(texts)).toBeGreaterThanOrEqual(counted);
      }),
      { numRuns: 60 },
    );
  });

  test('are never below the number of tokens that are given', () => {
    const tokens = fc.array(fc.nat(100_000), { maxLength: 50 });
    fc.assert(
      fc.property(fc.array(tokens, { maxLength: 10 }), (lists) => {
        expect(bound(lists)).toBeGreaterThanOrEqual(lists.flat().length);
        expect(bound(lists.flat())).toBeGreaterThanOrEqual(lists.flat().length);
      }),
    );
  });

  test('stop at what one request may hold, but for models that are not known', () => {
    expect(bound('x'.repeat(1_000_000))).toBe(300_000);
    expect(bound('x'.repeat(1_000_000), { model: 'nomic-embed-text' })).toBeGreaterThan(1_250_000);
  });

  test.each([[{ url: 'x' }], [[{ text: 'x' }]], [undefined], [3]])('refuse the input %j', (input) => {
    expect(() => bound(input)).toThrow(refusal('meter_unbounded', 'input'));
  });
});

describe('images', () => {
  const bound = (more: object, images = 0) =>
    boundOfImages({ model: 'gpt-image-1', prompt: 'a cat', ...more }, images);

  test.each([
    [{ size: '1024x1024', quality: 'low' }, 272],
    [{ size: '1024x1024', quality: 'high' }, 4160],
    [{ size: '1024x1536', quality: 'medium' }, 1584],
    [{ size: 'auto', quality: 'auto' }, 6240],
    [{}, 6240],
    [{ n: 3, size: '1024x1024', quality: 'medium' }, 3 * 1056],
    [{ partial_images: 2, size: '1024x1024', quality: 'low' }, 272 + 200],
    [{ model: 'gpt-image-1-mini', size: '1024x1024', quality: 'low' }, 272],
  ])('%j cost at most %i tokens of output', (more, tokens) => {
    expect(bound(more).outputTokens).toBe(tokens);
  });

  test.each([
    ['1024x1024', 7024],
    ['1536x1024', 5488],
    ['3584x2048', 12_329],
  ])('of gpt-image-2 at %s cost what its calculator says, and what may be said of them', (size, tokens) => {
    expect(bound({ model: 'gpt-image-2', quality: 'high', size }).outputTokens).toBe(tokens + 4096);
  });

  test('whose size or quality is left to the model cost no less than any that is named', () => {
    const side = fc.integer({ min: 30, max: 240 }).map((step) => step * 16);
    const quality = fc.constantFrom('low', 'medium', 'high', 'standard', 'auto');
    fc.assert(
      fc.property(
        side,
        side,
        quality,
        fc.constantFrom('gpt-image-1', 'gpt-image-2', 'tomorrow'),
        (w, h, q, model) => {
          fc.pre(w * h <= 8_294_400);
          const named = bound({ model, size: `${w}x${h}`, quality: q }).total;
          expect(bound({ model }).total).toBeGreaterThanOrEqual(named);
          expect(bound({ model: 'tomorrow' }).total).toBeGreaterThanOrEqual(named);
        },
      ),
    );
  });

  test('that are edited count with their input, once for each that is made', () => {
    const one = bound({}, 1).inputTokens - bound({}).inputTokens;
    expect(one).toBeGreaterThan(6000);
    expect(bound({ n: 2 }, 3).inputTokens).toBe(2 * (bound({}).inputTokens + 3 * one));
  });

  test('of DALL-E are charged by the image', () => {
    expect(bound({ model: 'dall-e-3' }).total).toBe(0);
  });

  test.each([
    [{ n: 0 }, 'n'],
    [{ n: 11 }, 'n'],
    [{ partial_images: 4 }, 'partial_images'],
    [{ prompt: undefined }, 'prompt'],
  ])('%j is refused', (more, field) => {
    expect(() => bound(more)).toThrow(refusal('meter_request_invalid', field));
  });

  test('with a field that is not known are refused', () => {
    expect(() => bound({ images: [{ file_id: 'f' }] })).toThrow(refusal('meter_unbounded', 'images'));
  });
});

describe('speech', () => {
  const bound = (input: string, more = {}) =>
    boundOfSpeech({ model: 'gpt-4o-mini-tts', input, voice: 'alloy', ...more });

  test('is at least three times what is spoken at an ordinary pace', () => {
    const minute = 'word '.repeat(150);
    expect(bound(minute).outputTokens).toBeGreaterThan(3 * 1250);
  });

  test('grows with slowness, and not above what the API takes', () => {
    expect(bound('x'.repeat(1000), { speed: 0.5 }).outputTokens).toBeGreaterThan(
      2 * bound('x'.repeat(900)).outputTokens,
    );
    expect(bound('x', { speed: 4 })).toEqual(bound('x'));
  });

  test('of the models that are charged by the character costs a request', () => {
    expect(bound('x', { model: 'tts-1' }).total).toBe(0);
    expect(bound('x', { model: 'tts-1-hd' }).total).toBe(0);
    expect(bound('x', { model: 'tts-1x' }).total).toBeGreaterThan(0);
  });

  test('of something that is no text, or with a field that is not known, is refused', () => {
    expect(() => boundOfSpeech({ model: 'm', input: ['x'] })).toThrow(
      refusal('meter_request_invalid', 'input'),
    );
    expect(() => bound('x', { music: true })).toThrow(refusal('meter_unbounded', 'music'));
  });
});

/** Seconds of silence as a recorder writes them. */
function wav(seconds: number, { rate = 16_000, channels = 1, bits = 16, format = 1 } = {}): Buffer {
  const header = Buffer.alloc(44);
  const bytes = (seconds * rate * channels * bits) / 8;
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + bytes, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(format, 20);
  header.writeUInt16LE(channels, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE((rate * channels * bits) / 8, 28);
  header.writeUInt16LE((channels * bits) / 8, 32);
  header.writeUInt16LE(bits, 34);
  header.write('data', 36);
  header.writeUInt32LE(bytes, 40);
  return Buffer.concat([header, Buffer.alloc(bytes)]);
}

describe('the length of a recording', () => {
  test('follows from uncompressed samples', () => {
    expect(wavSeconds(wav(10))).toBeCloseTo(10, 1);
    expect(wavSeconds(wav(3, { rate: 44_100, channels: 2, bits: 24 }))).toBeCloseTo(3, 1);
  });

  test.each([
    ['compressed samples', wav(3, { format: 6 })],
    ['a rate that makes hours of a few bytes', wav(3, { rate: 8 })],
    ['a rate that makes nothing of many bytes', wav(1, { rate: 400_000 })],
    ['no channels', wav(1, { channels: 0 })],
    ['no header', Buffer.alloc(100_000)],
    ['nothing', Buffer.alloc(0)],
  ])('is not known of %s', (_, bytes) => {
    expect(wavSeconds(bytes)).toBeUndefined();
  });

  test('is not shortened by what the header says of it', () => {
    const lying = wav(10);
    lying.writeUInt32LE(4, 40);
    lying.writeUInt32LE(1_000_000, 28);
    expect(wavSeconds(lying)).toBeCloseTo(10, 1);
  });
});

describe('a transcription', () => {
  const bound = (audio: Buffer, more = {}) =>
    boundOfTranscription({ model: 'gpt-4o-transcribe', ...more }, audio);

  test('of a known length is bounded by it', () => {
    const { inputTokens, outputTokens } = bound(wav(10));
    expect(inputTokens).toBeGreaterThanOrEqual(100);
    expect(inputTokens).toBeLessThan(250);
    expect(outputTokens).toBe(2000);
  });

  test('of any other recording is bounded by the most that the model takes', () => {
    expect(bound(Buffer.alloc(100)).inputTokens).toBe(16_000);
    expect(bound(wav(7200, { rate: 8000, bits: 8 })).inputTokens).toBe(16_000);
  });

  test('in chunks has an output for all of them', () => {
    const whole = bound(Buffer.alloc(100));
    expect(bound(Buffer.alloc(100), { chunking_strategy: 'auto' }).total).toBeGreaterThan(
      whole.total + 15_000,
    );
  });

  test('by Whisper is charged by the minute', () => {
    expect(bound(wav(10), { model: 'whisper-1' }).total).toBe(0);
    expect(bound(wav(10), { model: 'openai/whisper-large-v3' }).total).toBe(0);
  });

  test('by a server that is not known grows with the bytes', () => {
    const speech = (bytes: number) => bound(Buffer.alloc(bytes), { model: 'canary' }).total;
    expect(speech(10 * 1024 * 1024)).toBeGreaterThan(300_000);
    expect(speech(1000)).toBeLessThan(5_000);
  });

  test('with other voices to compare is refused', () => {
    expect(() => bound(wav(1), { known_speaker_references: ['x'] })).toThrow(
      refusal('meter_unbounded', 'known_speaker_references'),
    );
  });
});

describe('a moderation', () => {
  test.each(['a text', ['some', 'texts'], [{ type: 'text', text: 'x' }]])(
    'of %j costs a request',
    (input) => {
      expect(boundOfModeration({ input }).total).toBe(0);
    },
  );

  test('of an image that the provider would fetch is refused', () => {
    const image = (url: string) => ({ input: [{ type: 'image_url', image_url: { url } }] });
    expect(boundOfModeration(image('data:image/png;base64,AA')).total).toBe(0);
    expect(() => boundOfModeration(image('https://x'))).toThrow(refusal('meter_unbounded', 'input[0]'));
    const alone = { input: { type: 'image_url', image_url: { url: 'https://x' } } };
    expect(() => boundOfModeration(alone)).toThrow(refusal('meter_unbounded', 'input'));
  });
});
