import fc from 'fast-check';
import { encode as cl100k } from 'gpt-tokenizer/encoding/cl100k_base';
import { encode as o200k } from 'gpt-tokenizer/encoding/o200k_base';
import { describe, expect, test } from 'vitest';
import { boundedChat } from '#bounds/bound-of-call.ts';
import { boundedEmbedding } from '#bounds/embedding.ts';
import { factsOf } from '#bounds/models.ts';
import { boundedResponseCall } from '#bounds/response.ts';
import { mostTokens } from '#bounds/tokens/count-tokens.ts';
import { encodingOf } from '#bounds/tokens/encoding.ts';

const AS_TEXT = { disallowedSpecial: new Set<string>() };
const ENCODINGS = [
  { name: 'o200k_base', count: (text: string) => o200k(text, AS_TEXT).length },
  { name: 'cl100k_base', count: (text: string) => cl100k(text, AS_TEXT).length },
] as const;
const WORDS =
  "The quick brown fox, “he” said; it’s 12345 x_y(z) = {a: [1, 2]}; don't //\n\n  \t—漢字、かな。Привет मन 👩‍👩‍👧";
const some = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc
    .array(fc.constantFrom(...WORDS.split(' '), ' ', '\n', "'s", '...', '1234567'), { maxLength: 40 })
    .map((words) => words.join(' ')),
  fc.array(fc.constantFrom(...WORDS), { maxLength: 60 }).map((letters) => letters.join('')),
);

describe.each(ENCODINGS)('the tokens of a text in $name', ({ name, count }) => {
  test('are never fewer than the tokeniser finds, whatever the texts are joined to', async () => {
    const encoding = await encodingOf(name);
    fc.assert(
      fc.property(
        fc.array(some, { minLength: 1, maxLength: 4 }),
        fc.constantFrom('', '\n', ' '),
        (texts, between) => {
          const most = texts.reduce((sum, text) => sum + mostTokens(text, encoding), 0);
          const joints = (texts.length - 1) * between.length;
          expect(most + joints).toBeGreaterThanOrEqual(count(texts.join(between)));
        },
      ),
      { numRuns: 400 },
    );
  });

  test('are nearly what the tokeniser finds for prose, and never more than its bytes', async () => {
    const encoding = await encodingOf(name);
    const prose =
      'It was the best of times, it was the worst of times; nobody had counted to 4711 before. '.repeat(100);
    expect(mostTokens(prose, encoding) - count(prose)).toBeLessThan(20);
    fc.assert(
      fc.property(some, (text) => mostTokens(text, encoding) <= Buffer.byteLength(text)),
      { numRuns: 100 },
    );
  });
});

test.each([
  ['one letter', ` x ${'a'.repeat(50_000)} y `],
  ['one sign', '^'.repeat(250_000)],
  ['Chinese without an end', '漢字仮名交文'.repeat(10_000)],
  ['drawn families', '👩‍👩‍👧‍👦 '.repeat(8_000)],
  ['letters and digits by turns', 'a1'.repeat(64_000)],
  [
    'noise',
    Array.from({ length: 30_000 }, (_, i) => ((i * 2_654_435_761) % 4_294_967_296).toString(36)).join(' '),
  ],
])('a run of %s costs no more than 50 ms of work', async (_, text) => {
  const encoding = await encodingOf('o200k_base');
  mostTokens(text, encoding);
  const before = process.threadCpuUsage().user;
  expect(mostTokens(text, encoding)).toBeLessThanOrEqual(Buffer.byteLength(text));
  expect((process.threadCpuUsage().user - before) / 1000).toBeLessThan(50);
});

test('half of a letter, where the search for a cut ends, is no cut', async () => {
  const text = `${'a'.repeat(255)}𠀀 and so on `;
  expect(mostTokens(text, await encodingOf('o200k_base'))).toBe(Buffer.byteLength(text));
});

test('what looks like a special token counts by its bytes', async () => {
  const text = 'a long text with <|endoftext|> in it';
  expect(mostTokens(text, await encodingOf('o200k_base'))).toBe(text.length);
});

describe('a call', () => {
  const prose = 'Please read these words and say what they mean to you. '.repeat(40);
  const model = factsOf('gpt-4o');
  const chat = (content: unknown, facts = model) =>
    boundedChat({ model: 'm', max_tokens: 10, messages: [{ role: 'user', content }] }, facts, {});

  test('of prose is bounded at less than half when its text is tokenised', async () => {
    const calls = [
      chat(prose),
      chat([{ type: 'text', text: prose }]),
      boundedResponseCall({ model: 'm', input: prose, max_output_tokens: 16 }, model, {}),
      boundedEmbedding({ model: 'text-embedding-3-small', input: [prose, prose] }, {}),
    ];
    for (const call of calls) {
      const tight = await call.tighten!();
      expect(tight.total).toBeLessThan(call.bound.total / 2);
      expect(tight.total).toBeGreaterThan(o200k(prose).length);
      expect(tight.parts.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(tight.total);
    }
  });

  test('has nothing to tighten where the encoding has no name, or the text is short or too long', () => {
    expect(chat(prose, factsOf('llama3.2')).tighten).toBeUndefined();
    expect(chat('hi').tighten).toBeUndefined();
    expect(chat('x '.repeat(140_000)).tighten).toBeUndefined();
  });
});
