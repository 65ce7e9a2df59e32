import { describe, expect, it } from 'vitest';
import { linesHash } from '../../../orchestrator/batches/lines-hash.ts';
import { contentHash } from '../../../orchestrator/tasks/content-hash.ts';

const lines = (...texts: string[]) =>
  texts.map((text, index) => ({ number: index + 1, bytes: Buffer.from(text) }));

describe('the body behind an Idempotency-Key', () => {
  it('is the same in whatever order its members stand, at every depth', () => {
    const body = { text: 'a', answer: { type: 'json_schema', schema: { b: [{ x: 1, y: 2 }], a: null } } };
    const turned = { answer: { schema: { a: null, b: [{ y: 2, x: 1 }] }, type: 'json_schema' }, text: 'a' };
    expect(contentHash(body)).toBe(contentHash(turned));
  });

  it('is another where anything that it says is another', () => {
    const said = [
      { text: 'a' },
      { text: 'b' },
      { text: 'a', priority: 1 },
      { text: 'a', files: [{ name: 'f' }] },
      { text: 'a', answer: { schema: { a: null } } },
      { text: 'a', answer: { schema: {} } },
      { text: 'a', answer: { schema: { a: [2, 1] } } },
      { text: 'a', answer: { schema: { a: [1, 2] } } },
    ];
    expect(new Set(said.map(contentHash)).size).toBe(said.length);
  });

  it('is the same to a release that knows one field more, which says nothing in it', () => {
    expect(contentHash({ text: 'a', later: null, more: [], other: undefined })).toBe(
      contentHash({ text: 'a' }),
    );
  });

  it('of a batch is its lines in their order, however each is written', async () => {
    const hash = await linesHash(lines('{"text":"a","priority":1}', '{"text":"b"}'));
    expect(await linesHash(lines('{ "priority": 1, "text": "a" }', '{"text":"b"}\r'))).toBe(hash);
    expect(await linesHash(lines('{"text":"b"}', '{"text":"a","priority":1}'))).not.toBe(hash);
    expect(await linesHash(lines('{"text":"a","priority":1}{"text":"b"}'))).not.toBe(hash);
  });
});
