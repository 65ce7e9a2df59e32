/** A JSON Schema, as far as it says what a value has to be. */
interface Schema {
  readonly [name: string]: unknown;
}

/** Below this depth a recursive schema is brought to its end: no optional member, no element more than is asked for, `null` where it may be. */
const DEEP = 5;
const BOTTOM = 40;

const FORMATS: Record<string, string> = {
  'date-time': '2026-01-02T03:04:05Z',
  date: '2026-01-02',
  time: '03:04:05Z',
  duration: 'P1DT2H',
  email: 'someone@example.com',
  hostname: 'host.example.com',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  uri: 'https://example.com/page',
  url: 'https://example.com/page',
  'uri-reference': '/page',
  uuid: '01234567-89ab-4cde-8f01-23456789abcd',
};

/**
 * A value that fits a JSON Schema, always the same one for the same schema. Understood are type, enum, const, $ref within the document,
 * anyOf, oneOf, allOf, properties, required, items, prefixItems, the bounds of lengths, counts and numbers, multipleOf and the common
 * formats (https://json-schema.org/draft/2020-12/json-schema-validation). `text` stands where any text may. Patterns are not followed.
 */
export function valueFor(schema: unknown, text = 'text'): unknown {
  return new Values(schema, text).of(schema, 0);
}

class Values {
  readonly #root: unknown;
  readonly #text: string;

  constructor(root: unknown, text: string) {
    this.#root = root;
    this.#text = text;
  }

  of(given: unknown, depth: number): unknown {
    const schema = this.#resolved(given);
    if ('const' in schema) return schema['const'];
    if (Array.isArray(schema['enum'])) return schema['enum'][0];
    const choices = (schema['anyOf'] ?? schema['oneOf']) as unknown[] | undefined;
    if (Array.isArray(choices) && choices.length > 0) {
      const { anyOf: _any, oneOf: _one, ...rest } = schema;
      return this.of({ allOf: [rest, this.#choice(choices, depth)] }, depth + 1);
    }
    switch (typeOf(schema, depth)) {
      case 'object':
        return this.#object(schema, depth);
      case 'array':
        return this.#array(schema, depth);
      case 'string':
        return this.#string(schema);
      case 'integer':
        return numberFor(schema, 1);
      case 'number':
        return numberFor(schema, 0);
      case 'boolean':
        return true;
      default:
        return null;
    }
  }

  #object(schema: Schema, depth: number): unknown {
    const properties = (schema['properties'] ?? {}) as Record<string, unknown>;
    const required = (schema['required'] ?? []) as readonly string[];
    const others = schema['additionalProperties'] ?? {};
    const names = depth < DEEP ? Object.keys(properties) : required.filter((name) => name in properties);
    const missing = required.filter((name) => !(name in properties));
    const members = [...names, ...missing].map(
      (name) => [name, this.of(properties[name] ?? others, depth + 1)] as const,
    );
    const extra = Math.max(0, asNumber(schema['minProperties'], 0) - members.length);
    const more = Array.from(
      { length: extra },
      (_, at) => [`property${at + 1}`, this.of(others, depth + 1)] as const,
    );
    return Object.fromEntries([...members, ...more]);
  }

  #array(schema: Schema, depth: number): unknown[] {
    const first = (Array.isArray(schema['prefixItems']) ? schema['prefixItems'] : []) as unknown[];
    const wanted = Math.max(asNumber(schema['minItems'], 0), depth < DEEP ? Math.max(1, first.length) : 0);
    const length = Math.min(wanted, asNumber(schema['maxItems'], Infinity));
    return Array.from({ length }, (_, at) => {
      const item = first[at] ?? (schema['items'] as unknown) ?? {};
      const value = this.of(item, depth + 1);
      return schema['uniqueItems'] === true && at > 0 ? this.#other(item, value, at) : value;
    });
  }

  /** Where no element may be there twice. */
  #other(item: unknown, value: unknown, at: number): unknown {
    const values = this.#resolved(item)['enum'];
    if (Array.isArray(values)) return values[at];
    if (typeof value === 'number') return value + at * asNumber(this.#resolved(item)['multipleOf'], 1);
    return typeof value === 'string' ? `${value}${at + 1}` : value;
  }

  #string(schema: Schema): string {
    const formatted = FORMATS[String(schema['format'])];
    if (formatted !== undefined) return formatted;
    const least = asNumber(schema['minLength'], 0);
    return this.#text.padEnd(least, '.').slice(0, Math.max(least, asNumber(schema['maxLength'], Infinity)));
  }

  /** The first choice that is not null; deep down one that ends there. */
  #choice(choices: readonly unknown[], depth: number): unknown {
    const ends = choices.find((choice) => isNull(this.#resolved(choice)));
    if (depth >= DEEP && ends !== undefined) return ends;
    if (depth >= DEEP) {
      const plain = choices.find(
        (choice) => !/^(object|array)$/.test(String(this.#resolved(choice)['type'])),
      );
      if (plain !== undefined) return plain;
    }
    return choices.find((choice) => !isNull(this.#resolved(choice))) ?? choices[0];
  }

  /** The schema with its reference and its `allOf` put in. */
  #resolved(given: unknown, hops = 0): Schema {
    if (given === true || given === undefined || hops > BOTTOM) return {};
    if (given === false || given === null || typeof given !== 'object') return { type: 'null' };
    const { $ref: reference, allOf: all, ...own } = given as Schema;
    const parts = [
      ...(typeof reference === 'string' ? [this.#resolved(this.#target(reference), hops + 1)] : []),
      ...(Array.isArray(all) ? all.map((part) => this.#resolved(part, hops + 1)) : []),
      own,
    ];
    return parts.reduce(merged, {});
  }

  /** RFC 6901, as a fragment (`#/$defs/name`). */
  #target(reference: string): unknown {
    if (reference === '#') return this.#root;
    return reference
      .replace(/^#\//, '')
      .split('/')
      .map((step) => decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~'))
      .reduce<unknown>((at, step) => (at as Schema | undefined)?.[step], this.#root);
  }
}

function merged(one: Schema, other: Schema): Schema {
  const properties = { ...(one['properties'] as object), ...(other['properties'] as object) };
  const required = [...((one['required'] as string[]) ?? []), ...((other['required'] as string[]) ?? [])];
  return {
    ...one,
    ...other,
    ...(Object.keys(properties).length > 0 && { properties }),
    ...(required.length > 0 && { required: [...new Set(required)] }),
  };
}

function typeOf(schema: Schema, depth: number): string {
  const { type } = schema;
  if (Array.isArray(type)) {
    const ends = depth >= DEEP && type.includes('null');
    return ends ? 'null' : ((type as string[]).find((one) => one !== 'null') ?? 'null');
  }
  if (typeof type === 'string') return type;
  if ('properties' in schema || 'required' in schema) return 'object';
  if ('items' in schema || 'prefixItems' in schema) return 'array';
  if (['minimum', 'maximum', 'multipleOf'].some((name) => name in schema)) return 'number';
  return 'string';
}

function isNull({ type }: Schema): boolean {
  return type === 'null';
}

/** The least number that is allowed, or the one nearest to 1 where that is allowed too. `grain` 1: whole numbers. */
function numberFor(schema: Schema, grain: 0 | 1): number {
  const step = asNumber(schema['multipleOf'], 0) || grain;
  const exclusiveStep = step || 0.5;
  const least = Math.max(
    asNumber(schema['minimum'], -Infinity),
    asNumber(schema['exclusiveMinimum'], -Infinity) + (step === 0 ? 1e-6 : 0),
  );
  const most = Math.min(
    asNumber(schema['maximum'], Infinity),
    asNumber(schema['exclusiveMaximum'], Infinity),
  );
  const aim = Math.min(Math.max(1, least), most);
  if (step === 0) return isBelow(aim, schema) ? aim : (Math.max(least, most - 1) + most) / 2;
  const up = Math.ceil(aim / step) * step;
  const candidates = [up, up + exclusiveStep, up - exclusiveStep, up - 2 * exclusiveStep];
  return candidates.find((value) => value >= least && isBelow(value, schema) && isAbove(value, schema)) ?? up;
}

function isBelow(value: number, schema: Schema): boolean {
  return (
    value <= asNumber(schema['maximum'], Infinity) && value < asNumber(schema['exclusiveMaximum'], Infinity)
  );
}

function isAbove(value: number, schema: Schema): boolean {
  return (
    value >= asNumber(schema['minimum'], -Infinity) && value > asNumber(schema['exclusiveMinimum'], -Infinity)
  );
}

function asNumber(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}
