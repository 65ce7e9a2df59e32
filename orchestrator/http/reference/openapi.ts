import { ERRORS, type ErrorCode } from '#errors/table.ts';
import { componentSchemas, schemaOf, type JsonSchema } from './components.ts';
import { SUCCEEDED, TIMES, USAGE } from './examples.ts';
import { errorsOf, PARAMETERS, TAGS, type Operation } from './operation.ts';

export interface OpenApi {
  readonly openapi: '3.1.0';
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, PathOperation>>>>;
  readonly webhooks: Readonly<Record<string, { readonly post: PathOperation }>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
  readonly example?: unknown;
}

export interface Media {
  readonly schema?: JsonSchema;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly summary: string; readonly value: unknown }>>;
}

export interface PathOperation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly security?: readonly [];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required: true; readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Readonly<Record<string, Media>> }>
  >;
}

const ABOUT = `Runs agents in cages of their own, with your model key sealed away from them.

Every request but those of System without a token carries \`Authorization: Bearer <token>\`. Times are ISO 8601 in UTC. An unknown field is an error. Lists come in pages: send \`nextCursor\` as \`cursor\` until it is null. Every error has the form of Error, with a code that never changes its meaning.`;

/** What the service asks of yours. */
const WEBHOOK: PathOperation = {
  operationId: 'taskEnded',
  tags: ['Webhooks'],
  summary: 'A task has ended',
  description:
    'Sent to the `webhook` of the task, or of its Claw. Signed with `webhook-id`, `webhook-timestamp` and `webhook-signature` as Standard Webhooks are. It comes at least once: `webhook-id` is the same each time.',
  security: [],
  requestBody: {
    required: true,
    content: {
      'application/json': {
        schema: { $ref: '#/components/schemas/WebhookBody' },
        example: { type: 'task.ended', timestamp: TIMES.ended, data: { task: SUCCEEDED, usage: USAGE } },
      },
    },
  },
  responses: {
    '2XX': { description: 'Taken.' },
    '410': { description: 'No more of these, please: the delivery ends.' },
  },
};

/** OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.0) of these operations. */
export function openApiOf(operations: readonly Operation[], version: string): OpenApi {
  const paths: Record<string, Record<string, PathOperation>> = {};
  for (const operation of operations)
    paths[operation.path] = { ...paths[operation.path], [operation.method]: pathOperation(operation) };
  return {
    openapi: '3.1.0',
    info: {
      title: 'ClawCage',
      version,
      description: ABOUT,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'This installation.' }],
    security: [{ token: [] }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    webhooks: { taskEnded: { post: WEBHOOK } },
    components: {
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description: "The administrator's token, kept in `CLAWCAGE_HOME/admin-token`.",
        },
      },
      schemas: componentSchemas(),
    },
  } as OpenApi;
}

function pathOperation(operation: Operation): PathOperation {
  const { id, tag, summary, description, open, body } = operation;
  const parameters = [...inPath(operation), ...inQuery(operation), ...inHeaders(operation)];
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    ...(open && { security: [] as const }),
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: { required: true as const, content: bodyContent(body) } }),
    responses: { [operation.reply.status]: replyOf(operation), ...failures(errorsOf(operation)) },
  };
}

function inPath({ path }: Operation): Parameter[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => {
    const { about, example } = PARAMETERS[name!]!;
    return {
      name: name!,
      in: 'path',
      required: true,
      description: about,
      schema: { type: 'string' },
      example,
    };
  });
}

function inQuery({ query }: Operation): Parameter[] {
  if (!query) return [];
  const { properties, required = [] } = schemaOf(query, 'input') as {
    properties: Record<string, JsonSchema>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(typeof description === 'string' && { description }),
    schema,
  }));
}

const HEADERS = {
  'Idempotency-Key': {
    description:
      'A text of your choice, 1 to 255 printable ASCII characters: what is sent again with it is done once.',
    schema: { type: 'string', minLength: 1, maxLength: 255 },
    example: '5f0c2f6e-order-17',
  },
  'Last-Event-ID': {
    description: 'The last id that you saw; goes before `after`.',
    schema: { type: 'integer', minimum: 0 },
    example: 1768469400120001,
  },
} as const;

function inHeaders({ headers = [] }: Operation): Parameter[] {
  return headers.map((name) => ({ name, in: 'header', required: false, ...HEADERS[name] }));
}

function bodyContent({ schema, example, lines }: NonNullable<Operation['body']>): Record<string, Media> {
  if (!lines) return { 'application/json': { schema: schemaOf(schema, 'input'), example } };
  const text = (example as readonly unknown[]).map((line) => `${JSON.stringify(line)}\n`).join('');
  return { 'application/x-ndjson': { schema: textOf(schemaOf(schema, 'input')), example: text } };
}

function replyOf({ reply }: Operation): PathOperation['responses'][string] {
  const { about: description, schema, each, example, type } = reply;
  const media = { ...(example !== undefined && { example }) };
  if (schema)
    return {
      description,
      content: { [type ?? 'application/json']: { schema: schemaOf(schema, 'output'), ...media } },
    };
  if (type === undefined) return { description };
  const text = type === 'application/octet-stream' ? {} : textOf(each && schemaOf(each, 'output'));
  return { description, content: { [type]: { schema: text, ...media } } };
}

/** Text whose lines, or events, are JSON of that form (JSON Schema 2020-12, section 8.5 of the validation). */
const textOf = (each: JsonSchema | undefined): JsonSchema => ({
  type: 'string',
  ...(each && { contentMediaType: 'application/json', contentSchema: each }),
});

/** One response for each status, with an example for each code. */
function failures(codes: readonly ErrorCode[]): PathOperation['responses'] {
  const byStatus = Map.groupBy(codes, (code) => ERRORS[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, all]) => [
      String(status),
      {
        description: all.map((code) => `\`${code}\``).join(', '),
        content: {
          'application/json': {
            schema: { $ref: '#/components/schemas/Error' },
            examples: Object.fromEntries(
              all.map((code) => [code, { summary: code, value: exampleOf(code) }]),
            ),
          },
        },
      },
    ]),
  );
}

const exampleOf = (code: ErrorCode): object => ({
  error: { code, message: ERRORS[code].message, requestId: 'req_0f9c1e6b7a2d4c35' },
});
