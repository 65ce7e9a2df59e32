import fc from 'fast-check';
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { describe, expect, test } from 'vitest';
import { factsOf } from '#bounds/models.ts';
import { boundedResponse, boundOfResponse } from '#bounds/response.ts';

const MODEL = factsOf('gpt-4o');
const PIXEL = `data:image/png;base64,${'A'.repeat(400_000)}`;
const ask = (input: unknown, more: Record<string, unknown> = {}) => ({ model: 'gpt-4o', input, ...more });
const made = (request: Record<string, unknown>, caps = {}) => boundedResponse(request, caps, MODEL);
const bound = (request: Record<string, unknown>) => {
  const sent = made(request);
  return boundOfResponse(JSON.stringify(sent), sent, MODEL);
};

describe('the bound of a response', () => {
  test('is never below what the tokenizer counts, in whatever kind of item the text stands', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.constantFrom('漢字'.repeat(40), '"\\\n'.repeat(40)),
    );
    const item = fc.oneof(
      text.map((content) => ({ role: 'user', content })),
      text.map((said) => ({ type: 'message', role: 'user', content: [{ type: 'input_text', text: said }] })),
      text.map((output) => ({ type: 'function_call_output', call_id: 'c', output })),
      text.map((said) => ({ type: 'reasoning', id: 'r', summary: [{ type: 'summary_text', text: said }] })),
    );
    const textOf = (value: unknown): string[] =>
      typeof value === 'string' ? [value] : Object.values(value as object).flatMap(textOf);
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 4 }), text, (input, instructions) => {
        const counted = [instructions, ...textOf(input)].reduce(
          (sum, one) => sum + 2 + encode(one, { allowedSpecial: 'all' }).length,
          3,
        );
        expect(bound(ask(input, { instructions })).inputTokens).toBeGreaterThanOrEqual(counted);
      }),
      { numRuns: 100 },
    );
  });

  test('counts images by their ceiling, also those that a tool brings back', () => {
    const image = { type: 'input_image', image_url: PIXEL };
    const seen = bound(ask([{ role: 'user', content: [image] }])).inputTokens;
    const brought = bound(ask([{ type: 'function_call_output', call_id: 'c', output: [image, image] }]));
    expect(seen).toBeGreaterThanOrEqual(MODEL.imageTokens);
    expect(seen).toBeLessThan(MODEL.imageTokens + 2000);
    expect(brought.inputTokens).toBeGreaterThanOrEqual(2 * MODEL.imageTokens);
  });

  test('is limited in its output by what the agent, the Claw, the cap or the model sets', () => {
    expect(made(ask('x'))).toMatchObject({ max_output_tokens: 16_384 });
    expect(made(ask('x'), { tokensPerMinute: 4000 })).toMatchObject({ max_output_tokens: 1000 });
    expect(made(ask('x'), { tokensPerMinute: 4000, maxOutputTokens: 300 })).toMatchObject({
      max_output_tokens: 300,
    });
    expect(made(ask('x', { max_output_tokens: 9000 }), { tokensPerMinute: 4000 })).toMatchObject({
      max_output_tokens: 9000,
    });
    expect(made(ask('x', { max_output_tokens: null }), { tokensPerMinute: 8 })).toMatchObject({
      max_output_tokens: 16,
    });
    expect(bound(ask('x', { max_output_tokens: 70 })).outputTokens).toBe(70);
  });
});

test('a response is never stored, which the API does where nothing is said', () => {
  expect(made(ask('x'))).toMatchObject({ store: false });
  expect(made(ask('x', { store: null }))).toMatchObject({ store: false });
});

describe('what has no bound is refused by the name of its field', () => {
  test.each([
    ['a stored response', ask('x', { store: true }), 'store'],
    ['a stored response, in other words', ask('x', { store: 'true' }), 'store'],
    ['an earlier response', ask('x', { previous_response_id: 'r' }), 'previous_response_id'],
    ['a conversation', ask('x', { conversation: 'c' }), 'conversation'],
    ['work in the background', ask('x', { background: true }), 'background'],
    ['a kept prompt', ask('x', { prompt: { id: 'p' } }), 'prompt'],
    [
      'summaries by the provider',
      ask('x', { context_management: [{ type: 'compaction' }] }),
      'context_management',
    ],
    ['hosted search', ask('x', { tools: [{ type: 'web_search' }] }), 'tools[0].type'],
    ['a hosted MCP server', ask('x', { tools: [{ type: 'mcp', server_url: 'https://x' }] }), 'tools[0].type'],
    ['the choice of a hosted tool', ask('x', { tool_choice: { type: 'file_search' } }), 'tool_choice'],
    ['a hosted tool’s output', ask('x', { include: ['file_search_call.results'] }), 'include'],
    ['a reference', ask([{ type: 'item_reference', id: 'i' }]), 'input[0].type'],
    ['a reference that does not say so', ask([{ id: 'i' }]), 'input[0].role'],
    ['a reference of no type', ask([{ type: null, id: 'i' }]), 'input[0].role'],
    ['a hosted tool’s call', ask([{ type: 'web_search_call', id: 'i' }]), 'input[0].type'],
    [
      'a remote image',
      ask([{ role: 'user', content: [{ type: 'input_image', image_url: 'https://x' }] }]),
      'input[0].content[0].image_url',
    ],
    [
      'a kept image',
      ask([{ role: 'user', content: [{ type: 'input_image', file_id: 'f' }] }]),
      'input[0].content[0].file_id',
    ],
    [
      'a file',
      ask([{ role: 'user', content: [{ type: 'input_file', file_url: 'https://x' }] }]),
      'input[0].content[0].type',
    ],
    ['a part without its list', ask([{ role: 'user', content: { type: 'input_file' } }]), 'input[0].content'],
    ['an input of another form', ask({ type: 'input_file' }), 'input'],
    ['a field of tomorrow', ask('x', { swarm: 1 }), 'swarm'],
  ])('%s', (_, request, field) => {
    expect(() => made(request)).toThrow(
      expect.objectContaining({ code: 'meter_unbounded', details: expect.objectContaining({ field }) }),
    );
  });

  test('and what is switched off, or stays in the cage, is not', () => {
    const fine = ask([{ type: 'reasoning', id: 'r', summary: [], encrypted_content: 'x' }], {
      background: false,
      conversation: null,
      include: ['reasoning.encrypted_content'],
      tools: [
        { type: 'function', name: 'f', parameters: {} },
        { type: 'custom', name: 'c' },
      ],
      tool_choice: { type: 'function', name: 'f' },
    });
    expect(made(fine)).toMatchObject(fine);
  });
});
