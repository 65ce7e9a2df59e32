import fc from 'fast-check';
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { describe, expect, test } from 'vitest';
import { boundOfCall } from '#bounds/bound-of-call.ts';
import { factsOf } from '#bounds/models.ts';
import { withOutputLimit } from '#bounds/output-limit.ts';

const MODEL = factsOf('gpt-4o');
const bound = (request: Record<string, unknown>, model = MODEL) =>
  boundOfCall(JSON.stringify(request), request, model);
const say = (content: unknown, more: Record<string, unknown> = {}) => ({
  model: 'gpt-4o',
  messages: [{ role: 'user', content }],
  ...more,
});
const image = (bytes: number) => ({
  type: 'image_url',
  image_url: { url: `data:image/png;base64,${'A'.repeat(bytes)}` },
});
const refusal = (request: Record<string, unknown>) => {
  try {
    bound(request);
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('the input bound', () => {
  test('is never below what the tokenizer counts, for any text', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 400 }),
      fc.string({ unit: 'grapheme', maxLength: 200 }),
      fc.constantFrom(
        '\u0000'.repeat(50),
        '\ud800 lone',
        '漢字'.repeat(40),
        '👩‍👩‍👧‍👦'.repeat(20),
        '"\\\n\t'.repeat(40),
      ),
    );
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), (texts) => {
        const request = { model: 'gpt-4o', messages: texts.map((content) => ({ role: 'user', content })) };
        // OpenAI's own framing: 3 tokens a message, the role, and 3 at the end (cookbook, "How to count tokens").
        const counted = texts.reduce(
          (sum, content) => sum + 4 + encode(content, { allowedSpecial: 'all' }).length,
          3,
        );
        expect(bound(request).inputTokens).toBeGreaterThanOrEqual(counted);
      }),
      { numRuns: 150 },
    );
  });

  test('counts the bytes of the whole request: tools, schemas and names too', () => {
    const tools = [
      { type: 'function', function: { name: 'f', description: 'x'.repeat(1000), parameters: {} } },
    ];
    expect(bound(say('hi', { tools })).inputTokens - bound(say('hi')).inputTokens).toBeGreaterThanOrEqual(
      1000,
    );
  });

  test('counts an image by its ceiling, however few or many bytes it has', () => {
    const small = bound(say([image(4)])).inputTokens;
    const large = bound(say([image(400_000)])).inputTokens;
    expect(large).toBe(small);
    expect(small).toBeGreaterThanOrEqual(MODEL.imageTokens);
    expect(bound(say([image(4), image(4)])).inputTokens - small).toBeGreaterThanOrEqual(MODEL.imageTokens);
  });

  test('stops at the context of a known model, and nowhere for an unknown one', () => {
    const long = say('x'.repeat(1_000_000));
    expect(bound(long).inputTokens).toBe(128_000);
    expect(bound(long, factsOf('some-local-model')).inputTokens).toBeGreaterThan(1_250_000);
  });
});

describe('the output bound', () => {
  test('is the limit for each choice, best_of included', () => {
    expect(bound(say('hi', { max_tokens: 10 })).outputTokens).toBe(10);
    expect(bound(say('hi', { max_completion_tokens: 10, n: 3 })).outputTokens).toBe(30);
    expect(bound(say('hi', { max_tokens: 10, n: 2, best_of: 5 })).outputTokens).toBe(50);
  });

  test('takes the larger of two limits, as nobody knows which one the server heeds', () => {
    expect(bound(say('hi', { max_completion_tokens: 10, max_tokens: 5000 })).outputTokens).toBe(5000);
  });

  test('is the most that the model can write where no limit is set', () => {
    expect(bound(say('hi', { max_tokens: null })).outputTokens).toBe(MODEL.maxOutputTokens);
  });

  test.each([-1, 0, 1.5, '10', Number.MAX_VALUE, true])('refuses max_tokens: %s', (max_tokens) => {
    expect(refusal(say('hi', { max_tokens }))).toMatchObject({
      code: 'meter_request_invalid',
      details: { field: 'max_tokens' },
    });
  });

  test('adds up', () => {
    const { inputTokens, outputTokens, total } = bound(say('hi', { max_tokens: 7 }));
    expect(total).toBe(inputTokens + outputTokens);
  });
});

describe('what has no bound is refused by the name of its field', () => {
  test.each([
    [
      'a remote image',
      say([{ type: 'image_url', image_url: { url: 'https://x.test/a.png' } }]),
      'messages[0].content[0].image_url',
    ],
    [
      'a remote image as a string',
      say([{ type: 'image_url', image_url: 'http://x.test' }]),
      'messages[0].content[0].image_url',
    ],
    ['hosted search', say('hi', { web_search_options: {} }), 'web_search_options'],
    ['a hosted tool', say('hi', { tools: [{ type: 'web_search' }] }), 'tools[0].type'],
    ['history kept by the provider', say('hi', { store: true }), 'store'],
    ['an earlier response', say('hi', { previous_response_id: 'r' }), 'previous_response_id'],
    ['audio output', say('hi', { modalities: ['text', 'audio'] }), 'modalities'],
    ['an audio voice', say('hi', { audio: { voice: 'x' } }), 'audio'],
    ['a part without its list', say({ type: 'file', file: { file_id: 'f' } }), 'messages[0].content'],
    ['audio input', say([{ type: 'input_audio', input_audio: {} }]), 'messages[0].content[0].type'],
    ['a stored file', say([{ type: 'file', file: { file_id: 'f' } }]), 'messages[0].content[0].type'],
    [
      'earlier audio',
      { model: 'm', messages: [{ role: 'assistant', audio: { id: 'a' } }] },
      'messages[0].audio',
    ],
    ['a prediction', say('hi', { prediction: { type: 'content', content: 'x' } }), 'prediction'],
    ['a field of tomorrow', say('hi', { swarm_of_agents: 12 }), 'swarm_of_agents'],
  ])('%s', (_what, request, field) => {
    expect(refusal(request)).toMatchObject({ code: 'meter_unbounded', details: { field } });
  });

  test('and what is switched off is not refused', () => {
    expect(
      refusal(say('hi', { store: false, web_search_options: null, modalities: ['text'] })),
    ).toBeUndefined();
  });
});

describe('the output limit that the meter sets', () => {
  const limited = (more: Record<string, unknown>, tokensPerMinute?: number, model = MODEL) =>
    withOutputLimit(say('hi', more), { tokensPerMinute }, model);

  test('is the smaller of the model and a quarter of the cap', () => {
    expect(limited({}, 4000)).toMatchObject({ max_tokens: 1000 });
    expect(limited({}, 10_000_000)).toMatchObject({ max_tokens: 16_384 });
    expect(limited({})).toMatchObject({ max_tokens: 16_384 });
  });

  test('is for all choices together', () => {
    expect(limited({ n: 4 }, 4000)).toMatchObject({ max_tokens: 250 });
  });

  test('is never 0, which a provider would refuse', () => {
    expect(limited({}, 0)).toMatchObject({ max_tokens: 1 });
  });

  test('goes into the field that the model takes', () => {
    expect(limited({}, 4000, factsOf('o3'))).toMatchObject({ max_completion_tokens: 1000 });
    expect(limited({}, 4000, factsOf('o3'))).not.toHaveProperty('max_tokens');
    expect(limited({}, 4000, factsOf('llama3.2'))).toMatchObject({ max_tokens: 1000 });
  });

  test('leaves the limit of the agent as it is, and takes null for none', () => {
    expect(limited({ max_completion_tokens: 9 }, 4000)).not.toHaveProperty('max_tokens');
    expect(limited({ max_completion_tokens: null }, 4000)).toMatchObject({ max_tokens: 1000 });
    expect(limited({ max_completion_tokens: null }, 4000)).not.toHaveProperty('max_completion_tokens');
  });

  test('comes with the usage of a stream, and not without one', () => {
    expect(limited({ stream: true, stream_options: { include_usage: false, x: 1 } })).toMatchObject({
      stream_options: { include_usage: true, x: 1 },
    });
    expect(limited({ stream: false })).not.toHaveProperty('stream_options');
  });
});

test('a dated name finds its family, the longer name first', () => {
  expect(factsOf('gpt-4o-mini-2024-07-18').imageTokens).toBeGreaterThan(
    factsOf('gpt-4o-2024-08-06').imageTokens,
  );
  expect(factsOf('gpt-5').contextTokens).toBe(400_000);
  expect(factsOf('gpt-9-turbo').outputField).toBe('max_completion_tokens');
  expect(factsOf('gpt-9-turbo').contextTokens).toBeUndefined();
  expect(factsOf('qwen3:8b').tokensPerByte).toBeGreaterThan(1);
});
