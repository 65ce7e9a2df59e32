import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { eventReader } from '../../../cage-image/meter/answers/event-reader.ts';
import { TopLevelField } from '../../../cage-image/meter/answers/top-level-field.ts';
import { readUsage } from '../../../cage-image/meter/answers/usage.ts';
import type { CallOperation } from '../../../cage-image/meter/prepared-call.ts';

const counts = (input: number, cached: number, output: number, reasoning: number, total: number) => ({
  inputTokens: input,
  cachedTokens: cached,
  outputTokens: output,
  reasoningTokens: reasoning,
  totalTokens: total,
});

describe('the usage that a provider reports', () => {
  test.each<[CallOperation, unknown, unknown]>([
    [
      'responses',
      {
        input_tokens: 9,
        input_tokens_details: { cached_tokens: 2 },
        output_tokens: 5,
        output_tokens_details: { reasoning_tokens: 3 },
        total_tokens: 14,
      },
      counts(9, 2, 5, 3, 14),
    ],
    ['embeddings', { prompt_tokens: 8, total_tokens: 8 }, counts(8, 0, 0, 0, 8)],
    [
      'images',
      {
        input_tokens: 20,
        input_tokens_details: { text_tokens: 20, image_tokens: 0 },
        output_tokens: 4160,
        total_tokens: 4180,
      },
      counts(20, 0, 4160, 0, 4180),
    ],
    ['transcriptions', { type: 'duration', seconds: 3 }, counts(0, 0, 0, 0, 0)],
    [
      'transcriptions',
      { type: 'tokens', input_tokens: 14, output_tokens: 4, total_tokens: 18, input_token_details: {} },
      counts(14, 0, 4, 0, 18),
    ],
    ['speech', { input_tokens: 14, output_tokens: 101, total_tokens: 115 }, counts(14, 0, 101, 0, 115)],
    ['chat', { prompt_tokens: 8, total_tokens: 8 }, undefined],
    ['chat', { type: 'duration', seconds: 3 }, undefined],
    ['responses', { prompt_tokens: 8, completion_tokens: 2, total_tokens: 10 }, counts(8, 0, 2, 0, 10)],
    ['chat', { prompt_tokens: 8, completion_tokens: 2, total_tokens: 13 }, counts(8, 0, 2, 0, 13)],
    ['chat', { prompt_tokens: 8, completion_tokens: 2 }, undefined],
    ['chat', { prompt_tokens: 8, completion_tokens: 2, total_tokens: 9 }, undefined],
    ['chat', { prompt_tokens: -8, completion_tokens: 20, total_tokens: 12 }, undefined],
    ['chat', { prompt_tokens: 8, completion_tokens: 2, total_tokens: Number.NaN }, undefined],
    ['chat', { prompt_tokens: 8, completion_tokens: 2, total_tokens: 1e300 }, undefined],
    ['chat', { prompt_tokens: 8, completion_tokens: 2, total_tokens: '10' }, undefined],
    ['embeddings', { prompt_tokens: 8, total_tokens: 7 }, undefined],
    ['responses', { input_tokens: 8 }, undefined],
    ['responses', null, undefined],
  ])('of %s: %j', (operation, value, expected) => {
    expect(readUsage(value, operation)).toEqual(expected);
  });
});

describe('the events of a stream', () => {
  const stream = (operation: CallOperation, ...events: object[]) => {
    const reader = eventReader({ operation });
    const text = events.map((event) => `event: x\ndata: ${JSON.stringify(event)}\n\n`).join('');
    expect(Buffer.concat([reader.push(Buffer.from(text)), reader.end()]).toString()).toBe(text);
    return reader.usage();
  };
  const usage = { input_tokens: 5, output_tokens: 4, total_tokens: 9 };

  test.each(['response.completed', 'response.incomplete', 'response.failed'])(
    '%s holds the usage',
    (type) => {
      const created = { type: 'response.created', response: { usage: null } };
      expect(stream('responses', created, { type, response: { id: 'r', usage } })).toEqual(
        counts(5, 0, 4, 0, 9),
      );
    },
  );

  test('a response that ends without one has none', () => {
    expect(stream('responses', { type: 'response.failed', response: { usage: null } })).toBeUndefined();
  });

  test('of a transcription and of speech are read at their end', () => {
    expect(stream('transcriptions', { type: 'transcript.text.done', text: 'x', usage })).toEqual(
      counts(5, 0, 4, 0, 9),
    );
    expect(stream('speech', { type: 'speech.audio.done', usage })).toEqual(counts(5, 0, 4, 0, 9));
  });

  test('of several images add up', () => {
    const done = { type: 'image_generation.completed', b64_json: 'x', usage };
    expect(stream('images', done, done)).toEqual(counts(10, 0, 8, 0, 18));
  });

  test('the audio alone comes out of the events of speech, cut anywhere', () => {
    const audio = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 251));
    const delta = (from: number, to: number) => ({
      type: 'speech.audio.delta',
      audio: audio.subarray(from, to).toString('base64'),
    });
    const done = { type: 'speech.audio.done', usage };
    const text = [delta(0, 10), delta(10, 500), delta(500, 1000), done]
      .map((event) => `data: ${JSON.stringify(event)}\n\n`)
      .join('');
    fc.assert(
      fc.property(fc.nat(text.length), (at) => {
        const reader = eventReader({ operation: 'speech', audioOnly: true });
        const pieces = [
          reader.push(Buffer.from(text.slice(0, at))),
          reader.push(Buffer.from(text.slice(at))),
          reader.end(),
        ];
        expect(Buffer.concat(pieces)).toEqual(audio);
        expect(reader.usage()?.totalTokens).toBe(9);
      }),
      { numRuns: 40 },
    );
  });
});

test('audio whose events end before they are done is not whole', () => {
  const reader = eventReader({ operation: 'speech', audioOnly: true });
  reader.push(Buffer.from('data: {"type":"speech.audio.delta","audio":"AAAA"}\n\n'));
  expect(reader.whole?.()).toBe(false);
  reader.push(Buffer.from('data: {"type":"speech.audio.done"}\n\n'));
  expect(reader.whole?.()).toBe(true);
});

test('an event of 20 MB may come in small pieces', () => {
  const reader = eventReader({ operation: 'images' });
  const piece = Buffer.alloc(16 * 1024, 'A');
  reader.push(Buffer.from('data: {"type":"image_generation.completed","b64_json":"'));
  for (let index = 0; index < 1280; index++) reader.push(piece);
  const out = reader.push(
    Buffer.from('","usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3}}\n\n'),
  );
  expect(out.length).toBeGreaterThan(20 * 1024 * 1024);
  expect(reader.usage()?.totalTokens).toBe(3);
});

describe('a field of the first level', () => {
  const find = (text: string, places: readonly number[] = []): unknown => {
    const bytes = Buffer.from(text);
    const field = new TopLevelField('usage');
    const at = [0, ...places.map((place) => place % bytes.length).toSorted((a, b) => a - b), bytes.length];
    for (const [index, end] of at.slice(1).entries()) field.push(bytes.subarray(at[index], end));
    return field.value;
  };

  test('is found as a parser finds it, in any document, wherever it is cut', () => {
    const document = fc.dictionary(
      fc.constantFrom('usage', 'data', 'a"b', ''),
      fc.jsonValue({ maxDepth: 3 }),
    );
    fc.assert(
      fc.property(
        document,
        fc.constantFrom(0, 2),
        fc.array(fc.nat(), { maxLength: 8 }),
        (value, indent, places) => {
          const text = JSON.stringify(value, null, indent);
          const expected = (JSON.parse(text) as { usage?: unknown }).usage;
          expect(find(text, places)).toEqual(expected);
        },
      ),
    );
  });

  test('is the last one where it stands twice, and never one further down or within a text', () => {
    expect(find('{"usage":1,"usage":{"a":2}}')).toEqual({ a: 2 });
    expect(find('{"data":{"usage":1},"text":"\\"usage\\":2"}')).toBeUndefined();
    expect(find('[{"usage":1}]')).toBeUndefined();
    expect(find('{"\\u0075sage":3}')).toBe(3);
  });

  test('is found behind 40 MB of something else', () => {
    const field = new TopLevelField('usage');
    field.push(Buffer.from('{"data":[{"b64_json":"'));
    const chunk = Buffer.alloc(1024 * 1024, 'A');
    for (let index = 0; index < 40; index++) field.push(chunk);
    field.push(Buffer.from('"}],"usage":{"input_tokens":1}}'));
    expect(field.value).toEqual({ input_tokens: 1 });
  });
});
