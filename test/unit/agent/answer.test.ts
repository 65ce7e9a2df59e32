import { describe, expect, test } from 'vitest';
import { checkSchema } from '../../../cage-image/agent/answer/check-schema.ts';
import { isStrict } from '../../../cage-image/agent/answer/strict-schema.ts';
import { validateMode } from '../../../cage-image/agent/answer/validate-mode.ts';

const object = (properties: object, more: object = {}): Record<string, unknown> => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
  ...more,
});

describe('strict mode', () => {
  test.each<[string, Record<string, unknown>]>([
    [
      'nested objects and arrays',
      object({ a: { type: 'array', items: object({ b: { type: ['string', 'null'] } }) } }),
    ],
    ['references within', object({ a: { $ref: '#/$defs/x' } }, { $defs: { x: object({}) } })],
    ['anyOf below the root', object({ a: { anyOf: [{ type: 'string' }, { type: 'integer', minimum: 1 }] } })],
  ])('takes %s', (_, schema) => expect(isStrict(schema)).toBe(true));

  test.each<[string, Record<string, unknown>]>([
    ['a root that is no object', { type: 'array', items: { type: 'string' } }],
    ['an object that takes other properties', { ...object({ a: {} }), additionalProperties: true }],
    ['an optional property', object({ a: {} }, { required: [] })],
    ['an object within that says nothing of others', object({ a: { type: 'object', properties: {} } })],
    ['composition', object({ a: { allOf: [{ type: 'string' }] } })],
    ['patternProperties', object({}, { patternProperties: { a: {} } })],
    ['a reference to elsewhere', object({ a: { $ref: 'https://example.test/x' } })],
    ['a format that it does not know', object({ a: { type: 'string', format: 'uri' } })],
  ])('does not take %s', (_, schema) => expect(isStrict(schema)).toBe(false));
});

describe('the check of an answer', () => {
  const schema = object({ a: { type: 'array', prefixItems: [{ type: 'string' }], items: false } });

  test('is by JSON Schema 2020-12, and names places and keywords, never values', () => {
    expect(checkSchema('{"a":["x"]}', schema)).toEqual({ valid: true });
    expect(checkSchema('{"a":[7,"secret"]}', schema)).toMatchObject({
      valid: false,
      errors: ['/a/0 type', '/a items'],
    });
    expect(JSON.stringify(checkSchema('{"a":[7,"secret"]}', schema))).not.toContain('secret');
  });

  test('reads schemas of older drafts too', () => {
    expect(
      checkSchema('{}', {
        $schema: 'http://json-schema.org/draft-07/schema#',
        type: 'object',
        required: ['a'],
      }),
    ).toMatchObject({ valid: false, errors: ['/ required'] });
  });

  test.each([
    ['unknown type', { type: 'nonsense' }],
    ['reference to nowhere', { $ref: '#/$defs/none' }],
    ['reference to elsewhere', { $ref: 'https://example.test/schema' }],
    ['asynchronous one', { $async: true, type: 'object' }],
    ['pattern that is none', { type: 'string', pattern: '(' }],
  ])('says that a schema is at fault: %s', (_, broken) => {
    expect(checkSchema('{}', broken)).toMatchObject({ valid: false, schemaInvalid: true });
  });

  test('may be asked for by another process', () => {
    expect(JSON.parse(validateMode(JSON.stringify({ schema, answer: '{}' })))).toEqual({
      valid: false,
      errors: ['/ required'],
    });
    expect(validateMode('{"answer":"{}"}')).toBe('{"valid":true}');
    expect(JSON.parse(validateMode('{"answer":"[]"}'))).toMatchObject({ valid: false });
    expect(() => validateMode('{"schema":1}')).toThrow();
  });
});
