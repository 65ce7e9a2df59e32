import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { valueFor } from '../../../provider-sim/model/schema-value.ts';

const ajv = new Ajv2020({ strict: false, validateFormats: false });
const fits = (schema: object) => ajv.validate(schema, valueFor(schema));

describe('a value for a schema', () => {
  it('is the constant, the first of an enumeration, or of its type', () => {
    expect(valueFor({ const: { a: 1 } })).toEqual({ a: 1 });
    expect(valueFor({ enum: ['x', 'y'] })).toBe('x');
    expect(valueFor({ type: ['null', 'integer'] })).toBe(1);
    expect(valueFor({ type: 'string' }, 'Hello')).toBe('Hello');
  });

  it.each([
    [{ type: 'integer', minimum: 3, maximum: 9, multipleOf: 4 }],
    [{ type: 'integer', exclusiveMinimum: 3 }],
    [{ type: 'integer', maximum: -5 }],
    [{ type: 'integer', exclusiveMaximum: 1 }],
    [{ type: 'number', exclusiveMinimum: 1, maximum: 1.5 }],
    [{ type: 'number', minimum: -2, exclusiveMaximum: -1 }],
    [{ type: 'string', minLength: 12, maxLength: 20 }],
    [{ type: 'string', maxLength: 2 }],
    [{ type: 'array', items: { type: 'integer' }, minItems: 3, uniqueItems: true }],
    [{ type: 'array', maxItems: 0 }],
    [{ type: 'array', prefixItems: [{ type: 'string' }, { type: 'boolean' }], items: false }],
    [
      {
        anyOf: [{ type: 'null' }, { type: 'object', properties: { a: { type: 'number' } }, required: ['a'] }],
      },
    ],
    [
      {
        allOf: [
          { properties: { a: { type: 'string' } }, required: ['a'] },
          { properties: { b: { const: 2 } }, required: ['b'] },
        ],
      },
    ],
    [{ type: 'object', required: ['free'], minProperties: 3, additionalProperties: { type: 'integer' } }],
    [
      {
        $ref: '#/$defs/node',
        $defs: {
          node: {
            type: 'object',
            properties: {
              value: { type: 'integer' },
              left: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] },
              all: { type: 'array', items: { $ref: '#/$defs/node' } },
            },
            required: ['value', 'left', 'all'],
            additionalProperties: false,
          },
        },
      },
    ],
    [{ type: 'object', properties: { self: { $ref: '#' } } }],
  ])('fits %j', (schema) => {
    expect(fits(schema)).toBe(true);
  });

  it('fits whatever schema of the strict kind is made up', () => {
    // Ajv does not look at a property of this name, and takes it for one too many.
    const name = fc.string({ minLength: 1 }).filter((made) => made !== '__proto__');
    const leaf = fc.oneof(
      fc.record({ type: fc.constantFrom('string', 'boolean', 'integer', 'number', 'null') }),
      fc.record({
        enum: fc.uniqueArray(fc.oneof(fc.string(), fc.integer()), { minLength: 1, maxLength: 4 }),
      }),
      fc
        .tuple(fc.integer({ min: -50, max: 50 }), fc.nat(50))
        .map(([minimum, more]) => ({ type: 'integer', minimum, maximum: minimum + more })),
    );
    const { schema } = fc.letrec((tie) => ({
      schema: fc.oneof(
        { maxDepth: 4 },
        leaf,
        fc.record({ type: fc.constant('array'), items: tie('schema'), minItems: fc.nat(3) }),
        fc.dictionary(name, tie('schema'), { maxKeys: 4 }).map((properties) => ({
          type: 'object',
          properties,
          required: Object.keys(properties),
          additionalProperties: false,
        })),
        fc.record({ anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }) }),
      ),
    }));
    fc.assert(
      fc.property(schema, (one) => fits(one as object)),
      { numRuns: 150 },
    );
  });
});
