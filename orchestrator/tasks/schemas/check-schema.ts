import { Ajv2020 } from 'ajv/dist/2020.js';
import { LIMITS } from '#protocol/api.ts';

const DRAFT = 'https://json-schema.org/draft/2020-12/schema';
const DEPTH_LIMIT = 60;

const metaSchema = new Ajv2020({ strict: false, validateFormats: false }).getSchema(DRAFT)!;

/**
 * What keeps a caller's document from being a JSON Schema (2020-12), or undefined. It is held against the schema of schemas and its references and
 * patterns are tried; no code is made of it here: that is for the cage, since what compiles a schema trusts it as its own code.
 */
export function problemOfSchema(schema: Readonly<Record<string, unknown>>): string | undefined {
  // First: what is nested very deep cannot be written down for its length.
  if (depthOf(schema) > DEPTH_LIMIT) return `nested deeper than ${DEPTH_LIMIT} levels`;
  if (Buffer.byteLength(JSON.stringify(schema)) > LIMITS.schemaBytes)
    return `larger than ${LIMITS.schemaBytes} bytes`;
  if (schema.$schema !== undefined && String(schema.$schema).replace(/#$/, '') !== DRAFT)
    return `$schema: leave it out, or name ${DRAFT}`;
  if (!metaSchema(schema)) {
    const [first] = metaSchema.errors ?? [];
    return `${first?.instancePath || '/'} ${first?.message ?? 'is not valid'}`;
  }
  return problemInside(schema);
}

function problemInside(schema: Readonly<Record<string, unknown>>): string | undefined {
  const nodes = [...objectsIn(schema)];
  const named = new Set(nodes.flatMap((node) => [node.$anchor, node.$dynamicAnchor].filter(isText)));
  const bases = nodes.map((node) => node.$id).filter(isText);
  for (const node of nodes) {
    for (const ref of [node.$ref, node.$dynamicRef].filter(isText)) {
      if (bases.length === 0 && !leadsSomewhere(schema, named, ref))
        return `$ref: nothing of that name is in the schema (references to other documents are not followed)`;
    }
    for (const pattern of patternsOf(node))
      if (!isRegExp(pattern)) return 'pattern: not a regular expression';
  }
  return undefined;
}

function leadsSomewhere(schema: object, named: ReadonlySet<string>, ref: string): boolean {
  if (ref === '#') return true;
  if (!ref.startsWith('#/')) return ref.startsWith('#') && named.has(ref.slice(1));
  let at: unknown = schema;
  for (const part of ref.slice(2).split('/')) {
    const name = decode(part)?.replaceAll('~1', '/').replaceAll('~0', '~');
    if (name === undefined || typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return false;
    at = (at as Record<string, unknown>)[name];
  }
  return typeof at === 'boolean' || (typeof at === 'object' && at !== null);
}

function decode(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

function patternsOf(node: Record<string, unknown>): string[] {
  const { pattern, patternProperties } = node;
  return [
    ...(isText(pattern) ? [pattern] : []),
    ...(typeof patternProperties === 'object' && patternProperties !== null
      ? Object.keys(patternProperties)
      : []),
  ];
}

function isRegExp(pattern: string): boolean {
  try {
    return new RegExp(pattern, 'u') instanceof RegExp;
  } catch {
    return false;
  }
}

function* objectsIn(value: unknown): Generator<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield value as Record<string, unknown>;
  for (const [name, inner] of Object.entries(value)) {
    // What these hold is data, not schema.
    if (name !== 'const' && name !== 'enum' && name !== 'default' && name !== 'examples')
      yield* objectsIn(inner);
  }
}

function depthOf(value: unknown, limit = DEPTH_LIMIT + 1): number {
  if (typeof value !== 'object' || value === null || limit === 0) return 0;
  let deepest = 0;
  for (const inner of Object.values(value)) deepest = Math.max(deepest, depthOf(inner, limit - 1));
  return deepest + 1;
}

const isText = (value: unknown): value is string => typeof value === 'string';
