import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { countTokens as countOf, encode } from 'gpt-tokenizer/encoding/o200k_base';
import { encodeChat } from 'gpt-tokenizer/model/gpt-4o';
import { describe, expect, it } from 'vitest';
import { parseChatRequest } from '../../../provider-sim/chat-request.ts';
import { filler } from '../../../provider-sim/model/filler.ts';
import { promptTokens } from '../../../provider-sim/prompt-tokens.ts';
import { countTokens, textPieces } from '../../../provider-sim/tokens.ts';

describe('counting tokens', () => {
  it('agrees with the tokenizer itself', () => {
    const text = 'Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. 12345 日本語 👩‍👩‍👧';
    expect(countTokens(text)).toBe(countOf(text));
  });

  it('takes what looks like a special token as text', () => {
    expect(countTokens('<|endoftext|>')).toBeGreaterThan(1);
  });

  it('ends with long runs of one kind (the tokenizer alone takes minutes), and near the true count', () => {
    for (const run of ['a', ' ', '日', '=']) expect(countTokens(run.repeat(100_000))).toBeLessThan(100_001);
    const run = 'ab'.repeat(1000);
    expect(countTokens(run) - encode(run).length).toBeLessThanOrEqual(4);
  });

  it('cuts a text into pieces that are the text, on whole characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (graphemes) => {
        // What stands for half a character in a piece must not stand in the text for itself.
        const text = graphemes.replaceAll('\uFFFD', '');
        const pieces = [...textPieces(text)];
        expect(pieces.map((piece) => piece.text).join('')).toBe(text);
        expect(pieces.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(countTokens(text));
        for (const piece of pieces) expect(piece.text).not.toContain('\uFFFD');
      }),
    );
  });

  it('makes filler of exactly as many tokens as asked for', () => {
    for (const tokens of [0, 1, 2, 16, 17, 333]) expect(countTokens(filler(tokens))).toBe(tokens);
  });
});

describe('the tokens of a prompt', () => {
  const request = (body: object) => parseChatRequest({ model: 'gpt-4o', ...body });

  it('are those of the chat encoding', () => {
    const messages = [
      { role: 'system' as const, content: 'You are terse.' },
      { role: 'user' as const, content: 'What is the capital of Peru?' },
      { role: 'assistant' as const, content: 'Lima.' },
      { role: 'user' as const, content: 'And of Chile?' },
    ];
    expect(promptTokens(request({ messages }))).toBe(encodeChat(messages, 'gpt-4o').length);
  });

  it('never exceed the bytes of the request, tools and odd schemas included', () => {
    const schema = fc.oneof(
      fc.constant({ type: 'object', properties: { a: { type: 'string', description: 'what' } } }),
      fc.constant({ type: 'object', properties: { a: { type: 'string', enum: 7 }, b: null } }),
      fc.dictionary(fc.string(), fc.jsonValue()),
    );
    const tool = fc.record({ description: fc.string(), parameters: schema });
    const content = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(fc.array(content, { minLength: 1 }), fc.array(tool, { maxLength: 4 }), (texts, tools) => {
        const body = {
          model: 'gpt-4o',
          messages: texts.map((text) => ({ role: 'user', content: text })),
          tools: tools.map((offer) => ({ type: 'function', function: { name: 'f', ...offer } })),
        };
        expect(promptTokens(parseChatRequest(body))).toBeLessThanOrEqual(
          Buffer.byteLength(JSON.stringify(body)),
        );
      }),
    );
  });
});
