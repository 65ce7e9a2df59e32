type Schema = Readonly<Record<string, unknown>>;

/**
 * Whether a schema keeps to the subset that OpenAI's strict mode takes (https://platform.openai.com/docs/guides/structured-outputs#supported-schemas): the root is
 * an object, each object names all its properties as required and takes no others, no composition but `anyOf`. Others are sent without `strict`.
 */
export function isStrict(schema: Schema): boolean {
  return schema['type'] === 'object' && schema['anyOf'] === undefined && fits(schema, 1);
}

/** Nesting, and properties in all, of that page. */
const MAX_DEPTH = 10;
const KEYWORDS = new Set(
  `type properties required additionalProperties items enum const anyOf $ref $defs definitions title description default examples $schema $id $comment
   pattern format multipleOf minimum maximum exclusiveMinimum exclusiveMaximum minItems maxItems`.split(
    /\s+/,
  ),
);
const FORMATS = new Set([
  'date-time',
  'time',
  'date',
  'duration',
  'email',
  'hostname',
  'ipv4',
  'ipv6',
  'uuid',
]);

function fits(schema: unknown, depth: number): boolean {
  if (!isSchema(schema) || depth > MAX_DEPTH) return false;
  if (!Object.keys(schema).every((keyword) => KEYWORDS.has(keyword))) return false;
  if (schema['format'] !== undefined && !FORMATS.has(String(schema['format']))) return false;
  const reference = schema['$ref'];
  if (reference !== undefined && !String(reference).startsWith('#')) return false;
  return objectFits(schema) && inner(schema).every((each) => fits(each, depth + 1));
}

function objectFits(schema: Schema): boolean {
  const types = [schema['type']].flat();
  if (!types.includes('object')) return schema['properties'] === undefined;
  const names = Object.keys(isSchema(schema['properties']) ? schema['properties'] : {});
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  return schema['additionalProperties'] === false && names.every((name) => required.includes(name));
}

function inner(schema: Schema): unknown[] {
  const named = ['properties', '$defs', 'definitions'].flatMap((keyword) =>
    isSchema(schema[keyword]) ? Object.values(schema[keyword]) : [],
  );
  const listed = Array.isArray(schema['anyOf']) ? schema['anyOf'] : [];
  return [...named, ...listed, ...(schema['items'] === undefined ? [] : [schema['items']])];
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
