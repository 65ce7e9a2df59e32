import { z } from 'zod';
import { clawDocument } from './document.ts';
import { DURATION, SIZE } from './units.ts';

/** The parts of a JSON Schema (2020-12) that describe claw.yaml. */
export interface SchemaNode {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | SchemaNode;
  readonly propertyNames?: SchemaNode;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
}

/** The JSON Schema of one document, for editors. */
export function documentSchema(): SchemaNode {
  const schema = z.toJSONSchema(clawDocument, { io: 'input' });
  return { title: 'claw.yaml', ...schema } as unknown as SchemaNode;
}

/** The fields that stand below `path`; none where that is no object. */
export function fieldsAt(path: readonly PropertyKey[], from: SchemaNode = documentSchema()): string[] {
  const [first, ...rest] = path;
  const branches = from.anyOf ?? [from];
  if (first === undefined) return branches.flatMap((branch) => namesOf(branch));
  return branches.flatMap((branch) => {
    const below =
      typeof first === 'number'
        ? branch.items
        : (branch.properties?.[String(first)] ??
          (typeof branch.additionalProperties === 'object' ? branch.additionalProperties : undefined));
    return below ? fieldsAt(rest, below) : [];
  });
}

function namesOf(node: SchemaNode): string[] {
  return [
    ...Object.keys(node.properties ?? {}),
    ...((node.propertyNames?.enum as string[] | undefined) ?? []),
  ];
}

export interface FieldRow {
  /** `retry.attempts` */
  readonly path: string;
  readonly kind: string;
  readonly standard: string;
  readonly about: string;
}

/** Every field of a document, for the table in the guide. */
export function fieldRows(node: SchemaNode = documentSchema(), path: readonly string[] = []): FieldRow[] {
  const required = new Set(node.required ?? []);
  return Object.entries(node.properties ?? {}).flatMap(([name, field]) => {
    const at = [...path, name];
    if (field.properties) return fieldRows(field, at);
    const standard = required.has(name) ? 'required' : standardOf(field);
    const row = { path: at.join('.'), kind: kindOf(field), standard, about: field.description ?? '' };
    return [row, ...fieldRows(orNull(field), at)];
  });
}

/** The object where it is one or null; nothing else is worth rows of its own. */
function orNull({ anyOf = [] }: SchemaNode): SchemaNode {
  const [one, other] = anyOf;
  return anyOf.length === 2 && other!.type === 'null' ? one! : {};
}

function standardOf({ default: standard }: SchemaNode): string {
  if (standard === undefined) return 'left out';
  return standard === '' ? 'empty' : JSON.stringify(standard);
}

function kindOf(node: SchemaNode): string {
  if (node.const !== undefined) return JSON.stringify(node.const);
  if (node.enum) return node.enum.map((value) => JSON.stringify(value)).join(' or ');
  if (node.anyOf) return [...new Set(node.anyOf.map(kindOf))].join(' or ');
  if (node.properties) return `{${Object.keys(node.properties).join(', ')}}`;
  if (node.type === 'array') return `list of ${kindOf(node.items ?? {})}`;
  if (node.type === 'object') return 'map';
  if (node.pattern === DURATION.source) return 'time';
  if (node.pattern === SIZE.source) return 'size';
  if (node.type === 'integer' || node.type === 'number')
    return `${node.type} ${node.minimum} to ${node.maximum}`;
  return Array.isArray(node.type) ? node.type.join(' or ') : String(node.type ?? 'any');
}
