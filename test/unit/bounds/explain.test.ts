import { describe, expect, test } from 'vitest';
import { explainCall, type ExplainablePath } from '#bounds/explain.ts';
import { allowedCall } from '../../../cage-image/meter/allow-list.ts';
import { OwnFiles } from '../../../cage-image/meter/own-files.ts';
import { prepareCall } from '../../../cage-image/meter/prepare.ts';
import type { PreparedCall } from '../../../cage-image/meter/prepared-call.ts';

const CLAW = {
  model: 'gpt-4o',
  models: {
    chat: ['llama3.2', 'o3'],
    embeddings: ['text-embedding-3-small', 'nomic'],
    images: ['gpt-image-1', 'dall-e-3'],
    speech: ['gpt-4o-mini-tts', 'tts-1'],
    moderations: ['omni-moderation-latest'],
  },
  tokensPerMinute: 40_000,
  unbounded: { allow: ['hosted_tools', 'previous_response_id'], tokensPerCall: 9_000, countInput: true },
};
const text = 'What is explained is what is reserved, to the token. '.repeat(20);
const picture = `data:image/png;base64,${'A'.repeat(100)}`;
const tools = [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }];
const SHAPES: [ExplainablePath, Record<string, unknown>][] = [
  ['/v1/chat/completions', { model: 'gpt-4o', messages: [{ role: 'user', content: text }], tools, n: 2 }],
  ['/v1/chat/completions', { model: 'o3', messages: [{ role: 'user', content: 'x' }], stream: true }],
  ['/v1/chat/completions', { model: 'llama3.2', messages: [{ role: 'user', content: text }], max_tokens: 5 }],
  [
    '/v1/chat/completions',
    {
      model: 'gpt-4o',
      messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: picture } }] }],
    },
  ],
  ['/v1/chat/completions', { model: 'gpt-4o', messages: [], tools: [{ type: 'web_search' }] }],
  ['/v1/responses', { model: 'gpt-4o', input: text, instructions: text }],
  ['/v1/responses', { model: 'gpt-4o', input: 'x', previous_response_id: 'r' }],
  ['/v1/embeddings', { input: [text, text] }],
  ['/v1/embeddings', { model: 'nomic', input: [[1, 2, 3]] }],
  ['/v1/images/generations', { prompt: 'a cat', n: 2 }],
  ['/v1/images/generations', { model: 'dall-e-3', prompt: 'a cat' }],
  ['/v1/audio/speech', { input: text }],
  ['/v1/audio/speech', { model: 'tts-1', input: text }],
  ['/v1/moderations', { input: text }],
];

describe('an explanation', () => {
  test.each(SHAPES)('of %s tells what the meter reserves (%#)', async (path, body) => {
    const asked = {
      body: Buffer.from(JSON.stringify(body)),
      contentType: 'application/json',
      accept: undefined,
    };
    const call = prepareCall(allowedCall('POST', path), asked, CLAW, new OwnFiles()) as PreparedCall;
    const told = await explainCall(path, body, CLAW);
    expect(told).toMatchObject({ operation: call.operation, model: call.model });
    expect(told.bound.total).toBe(call.tokens);
    expect(told.bound.parts.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(call.tokens);
    expect(told.tightened?.total).toBe(await call.tighten?.());
    expect(told.countedFirst).toBe(call.countFirst !== undefined);
    expect(JSON.stringify(told)).not.toContain('What is explained');
  });

  test('says of when the figures of a model are, where there are any', async () => {
    const known = async (model: string) =>
      (await explainCall('/v1/chat/completions', { model, messages: [] }, CLAW)).modelKnownSince;
    expect(await known('gpt-4o')).toBe('2026-11');
    expect(await known('llama3.2')).toBeNull();
  });
});
