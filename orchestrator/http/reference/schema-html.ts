import type { JsonSchema } from './components.ts';
import { escape, inline } from './html.ts';

const COMPONENT = '#/components/schemas/';

/** The fields of a schema as a list; what is nested opens on demand. */
export function schemaHtml(schema: JsonSchema): string {
  const fields = Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>);
  if (fields.length === 0) return `<p class="type">${typeHtml(schema)}</p>${nestedHtml(schema)}`;
  const required = new Set((schema.required ?? []) as string[]);
  return `<dl class="fields">${fields.map(([name, field]) => fieldHtml(name, field, required.has(name))).join('')}</dl>`;
}

export function fieldHtml(name: string, schema: JsonSchema, required: boolean): string {
  const facts = [
    typeHtml(schema),
    required ? '<b class="required">required</b>' : '',
    schema.default === undefined ? '' : `default <code>${escape(JSON.stringify(schema.default))}</code>`,
    rangeOf(schema),
  ].filter((fact) => fact !== '');
  const about = typeof schema.description === 'string' ? `<p>${inline(schema.description)}</p>` : '';
  return `<div><dt><code>${escape(name)}</code> <span class="type">${facts.join(' · ')}</span></dt><dd>${about}${nestedHtml(schema)}</dd></div>`;
}

/** In the words of JSON Schema. */
function typeHtml(schema: JsonSchema): string {
  const { $ref, anyOf, oneOf, enum: values, const: value, type, format, items } = schema;
  if (typeof $ref === 'string') return refHtml($ref);
  const branches = (anyOf ?? oneOf) as JsonSchema[] | undefined;
  if (branches) return [...new Set(branches.map(typeHtml))].join(' or ');
  if (value !== undefined) return `<code>${escape(JSON.stringify(value))}</code>`;
  if (Array.isArray(values)) return values.map((one) => `<code>${escape(String(one))}</code>`).join(' | ');
  if (schema.contentSchema) return `lines of ${typeHtml(schema.contentSchema as JsonSchema)}`;
  if (type === 'array') return `array of ${items ? typeHtml(items as JsonSchema) : 'anything'}`;
  if (type === 'object' && schema.additionalProperties && !schema.properties) {
    const of = typeHtml(schema.additionalProperties as JsonSchema);
    return `object of ${of}`;
  }
  if (type === undefined) return 'anything';
  const name = Array.isArray(type) ? type.join(' or ') : String(type);
  return typeof format === 'string' ? `${escape(name)} (${escape(format)})` : escape(name);
}

function refHtml(ref: string): string {
  const name = escape(ref.slice(COMPONENT.length));
  return `<a href="#schema-${name}">${name}</a>`;
}

function nestedHtml(schema: JsonSchema): string {
  const inner = innerObjects(schema);
  if (inner.length === 0) return '';
  const lists = inner.map(schemaHtml).join('<p class="or">or</p>');
  return `<details><summary>Fields</summary>${lists}</details>`;
}

/** The objects without a name of their own inside of a schema. */
function innerObjects(schema: JsonSchema): JsonSchema[] {
  if (schema.properties) return [schema];
  const branches = (schema.anyOf ?? schema.oneOf) as JsonSchema[] | undefined;
  if (branches) return branches.flatMap(innerObjects);
  if (schema.type === 'array' && schema.items) return innerObjects(schema.items as JsonSchema);
  const rest = schema.additionalProperties;
  return typeof rest === 'object' && rest !== null ? innerObjects(rest as JsonSchema) : [];
}

function rangeOf(schema: JsonSchema): string {
  const from = schema.minimum ?? schema.minLength ?? schema.minItems;
  const to = schema.maximum ?? schema.maxLength ?? schema.maxItems;
  const of = schema.type === 'string' ? ' characters' : schema.type === 'array' ? ' items' : '';
  if (from !== undefined && to !== undefined) return `${number(from)} to ${number(to)}${of}`;
  if (to !== undefined) return `at most ${number(to)}${of}`;
  return from === undefined ? '' : `at least ${number(from)}${of}`;
}

const number = (value: unknown): string => Number(value).toLocaleString('en-US');
