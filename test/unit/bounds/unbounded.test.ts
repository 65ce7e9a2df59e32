import { describe, expect, test } from 'vitest';
import { boundedChat } from '#bounds/bound-of-call.ts';
import { factsOf } from '#bounds/models.ts';
import { boundedResponseCall } from '#bounds/response.ts';

const MODEL = factsOf('gpt-4o');
const allow = (feature: string, countInput = false) => ({
  unbounded: { allow: [feature], tokensPerCall: 50_000, countInput },
});
const response = (more: object, claw = {}) =>
  boundedResponseCall({ model: 'gpt-4o', input: 'x', max_output_tokens: 100, ...more }, MODEL, claw);
const image = { role: 'user', content: [{ type: 'input_image', image_url: 'https://x.test/a.png' }] };
const file = { role: 'user', content: [{ type: 'input_file', file_id: 'f' }] };

describe('what cannot be bounded', () => {
  test.each([
    ['hosted_tools', { tools: [{ type: 'web_search' }] }],
    ['previous_response_id', { previous_response_id: 'r' }],
    ['conversation', { conversation: 'c' }],
    ['remote_images', { input: [image] }],
    ['files', { input: [file] }],
    ['unknown_fields', { swarm: 1 }],
  ])('%s reserves what the Claw says, and without its word is refused with what to set', (feature, more) => {
    expect(response(more, allow(feature)).bound.total).toBe(50_000);
    expect(response(more, allow(feature)).tighten).toBeUndefined();
    const other = feature === 'files' ? 'hosted_tools' : 'files';
    for (const claw of [{}, allow(other)])
      expect(() => response(more, claw)).toThrow(
        expect.objectContaining({
          code: 'meter_unbounded',
          details: expect.objectContaining({ remedy: expect.stringContaining(`allow: [${feature}]`) }),
        }),
      );
  });

  test('reserves the bound of what can be seen where that is more', () => {
    const more = { previous_response_id: 'r', max_output_tokens: 90_000 };
    expect(response(more, allow('previous_response_id')).bound.total).toBeGreaterThan(90_000);
  });

  test('is counted by the provider first where the Claw wants it and it is history alone', () => {
    const { countFirst } = response({ previous_response_id: 'r' }, allow('previous_response_id', true));
    expect(JSON.parse(countFirst!.body)).toEqual({ model: 'gpt-4o', input: 'x', previous_response_id: 'r' });
    expect(countFirst!.boundOf(1234).total).toBe(1234 + MODEL.overheadTokens + 100);
    expect(
      response({ tools: [{ type: 'web_search' }] }, allow('hosted_tools', true)).countFirst,
    ).toBeUndefined();
  });

  test('of storing is let through only where the Claw may go on with stored responses', () => {
    const sent = (more: object, claw = {}) => JSON.parse(response(more, claw).body) as object;
    expect(sent({ store: true }, allow('previous_response_id'))).toMatchObject({ store: true });
    expect(sent({}, allow('previous_response_id'))).not.toHaveProperty('store');
    expect(sent({}, allow('hosted_tools'))).toMatchObject({ store: false });
    expect(() => response({ store: true }, allow('hosted_tools'))).toThrow();
  });

  test('of a chat completion is the same', () => {
    const search = { model: 'gpt-4o', messages: [], web_search_options: {} };
    expect(boundedChat(search, MODEL, allow('hosted_tools')).bound.total).toBe(50_000);
    expect(() => boundedChat(search, MODEL, allow('unknown_fields'))).toThrow();
    expect(() => boundedChat({ ...search, modalities: ['audio'] }, MODEL, allow('hosted_tools'))).toThrow();
  });
});
