import { describe, expect, it } from 'vitest';
import { problemsOfFunctions } from '../../../orchestrator/tasks/schemas/check-functions.ts';
import { problemOfSchema } from '../../../orchestrator/tasks/schemas/check-schema.ts';

const deep = (levels: number): Record<string, unknown> =>
  levels === 0 ? { type: 'string' } : { type: 'array', items: deep(levels - 1) };

describe('the schema of an answer', () => {
  it('is taken where it is one', () => {
    const sound = [
      {},
      { type: 'object', properties: { name: { type: 'string', pattern: '^\\p{L}+$' } }, required: ['name'] },
      { $defs: { 'a/b': { type: 'integer' } }, properties: { x: { $ref: '#/$defs/a~1b' } } },
      { $defs: { node: { $anchor: 'node', properties: { next: { $ref: '#node' } } } }, $ref: '#node' },
      { type: 'array', items: { $ref: '#' } },
      { enum: [{ $ref: '#/nowhere' }], default: { pattern: '(' } },
      { $schema: 'https://json-schema.org/draft/2020-12/schema', type: ['string', 'null'] },
    ];
    for (const schema of sound) expect(problemOfSchema(schema), JSON.stringify(schema)).toBeUndefined();
  });

  it('is refused where it is nested so deep that it cannot even be written down', () => {
    let schema: Record<string, unknown> = {};
    for (let level = 0; level < 100_000; level += 1) schema = { items: schema };
    expect(problemOfSchema(schema)).toMatch(/deeper/);
  });

  it('is refused with what is wrong where it is none', () => {
    const wrong: [Record<string, unknown>, RegExp][] = [
      [{ type: 'strange' }, /\/type/],
      [{ properties: { a: { minimum: 'one' } } }, /\/properties\/a\/minimum/],
      [{ required: 'name' }, /\/required/],
      [{ $ref: '#/$defs/none' }, /nothing of that name/],
      [{ $ref: 'https://example.com/other.json' }, /nothing of that name/],
      [{ pattern: '(' }, /not a regular expression/],
      [{ patternProperties: { '[': {} } }, /not a regular expression/],
      [{ $schema: 'http://json-schema.org/draft-07/schema#' }, /leave it out/],
      [{ description: 'x'.repeat(70_000) }, /larger than/],
      [deep(100), /nested deeper/],
    ];
    for (const [schema, problem] of wrong) expect(problemOfSchema(schema)).toMatch(problem);
  });

  it('never becomes code here', () => {
    const hostile = {
      title: '"; globalThis.broken = true; "',
      properties: { "'+(globalThis.broken=true)+'": {} },
    };
    expect(problemOfSchema(hostile)).toBeUndefined();
    expect('broken' in globalThis).toBe(false);
  });
});

describe("a caller's functions", () => {
  it('have names of their own and take objects', () => {
    const parameters = { type: 'object', properties: {} };
    const of = (name: string, takes: Record<string, unknown> = parameters) => ({
      name,
      description: '',
      parameters: takes,
    });
    const fields = [
      ...problemsOfFunctions([
        of('a'),
        of('a'),
        of('fetch'),
        of('b', { type: 'string' }),
        of('c', { type: 'object', properties: { x: { type: 'strange' } } }),
        of('d'),
      ]),
    ].map(({ field }) => field);
    expect(fields).toEqual([
      'functions.1.name',
      'functions.2.name',
      'functions.3.parameters',
      'functions.4.parameters',
    ]);
  });
});
