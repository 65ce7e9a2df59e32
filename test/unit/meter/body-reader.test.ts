import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BodyReader } from '../../../cage-image/meter/answers/body-reader.ts';
import { eventReader } from '../../../cage-image/meter/answers/event-reader.ts';
import { jsonReader } from '../../../cage-image/meter/answers/json-reader.ts';

const USAGE = {
  prompt_tokens: 11,
  completion_tokens: 7,
  total_tokens: 18,
  prompt_tokens_details: { cached_tokens: 4 },
};
const COUNTS = { inputTokens: 11, cachedTokens: 4, outputTokens: 7, reasoningTokens: 0, totalTokens: 18 };
const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;
const TEXT = event({ choices: [{ delta: { content: 'grüße "usage" \n\n' } }], usage: null });
const LAST = event({ choices: [], usage: USAGE });
const STREAM = `: comment\n\n${TEXT}${TEXT}${LAST}data: [DONE]\n\n`;

function read(reader: BodyReader, body: string, places: readonly number[] = []): string {
  const bytes = Buffer.from(body);
  const at = [0, ...places.map((place) => place % bytes.length).toSorted((a, b) => a - b), bytes.length];
  const out = at.slice(1).map((end, index) => reader.push(bytes.subarray(at[index], end)));
  return Buffer.concat([...out, reader.end()]).toString();
}

describe('an event stream', () => {
  test('passes unchanged, wherever it is cut, and its usage is read', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 20 }), (places) => {
        const reader = eventReader({ operation: 'chat', hideUsage: false });
        expect(read(reader, STREAM, places)).toBe(STREAM);
        expect(reader.usage()).toEqual(COUNTS);
      }),
    );
  });

  test('is cut into its events whichever way its lines end, also within an end', () => {
    const crlf = STREAM.replaceAll('\n', '\r\n');
    for (let at = 1; at < crlf.length; at++) {
      const reader = eventReader({ operation: 'chat', hideUsage: true });
      const first = reader.push(Buffer.from(crlf).subarray(0, at));
      const rest = reader.push(Buffer.from(crlf).subarray(at));
      expect(Buffer.concat([first, rest]).toString()).toBe(crlf.replace(LAST.replaceAll('\n', '\r\n'), ''));
    }
  });

  test('loses only the chunk with the usage where the agent did not ask for it', () => {
    const reader = eventReader({ operation: 'chat', hideUsage: true });
    expect(read(reader, STREAM)).toBe(STREAM.replace(LAST, ''));
    expect(reader.usage()).toEqual(COUNTS);
  });

  test('keeps a chunk that holds text beside the usage', () => {
    const both = event({ choices: [{ delta: { content: 'x' } }], usage: USAGE });
    const reader = eventReader({ operation: 'chat', hideUsage: true });
    expect(read(reader, both)).toBe(both);
    expect(reader.usage()).toEqual(COUNTS);
  });

  test('passes each event as soon as it is whole', () => {
    const reader = eventReader({ operation: 'chat', hideUsage: false });
    expect(reader.push(Buffer.from(TEXT + TEXT.slice(0, 9))).toString()).toBe(TEXT);
  });

  test('ends lines in any of the three ways, and may lack the last empty one', () => {
    const crlf = eventReader({ operation: 'chat', hideUsage: true });
    expect(read(crlf, STREAM.replaceAll('\n', '\r\n'))).not.toContain('prompt_tokens');
    expect(crlf.usage()).toEqual(COUNTS);
    const unfinished = eventReader({ operation: 'chat', hideUsage: true });
    expect(read(unfinished, LAST.trimEnd())).toBe('');
    expect(unfinished.usage()).toEqual(COUNTS);
  });

  test('has no usage where it broke off before, or where the counts make no sense', () => {
    const cut = eventReader({ operation: 'chat', hideUsage: false });
    read(cut, TEXT + LAST.slice(0, -20));
    expect(cut.usage()).toBeUndefined();
    const nonsense = eventReader({ operation: 'chat', hideUsage: false });
    read(nonsense, event({ choices: [], usage: { prompt_tokens: -1, completion_tokens: 'many' } }));
    expect(nonsense.usage()).toBeUndefined();
  });
});

describe('a JSON body', () => {
  test('passes unchanged and its usage is read', () => {
    const body = JSON.stringify({ choices: [{}], usage: USAGE });
    const reader = jsonReader('chat');
    expect(read(reader, body, [3, 30])).toBe(body);
    expect(reader.usage()).toEqual(COUNTS);
  });

  test('that is no JSON has no usage', () => {
    const reader = jsonReader('chat');
    expect(read(reader, '<html>')).toBe('<html>');
    expect(reader.usage()).toBeUndefined();
  });
});
