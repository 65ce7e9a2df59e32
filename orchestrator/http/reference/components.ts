import { z } from 'zod';
import * as api from '#protocol/api.ts';
import * as live from '#protocol/live.ts';
import { noteOn } from './field-notes.ts';

export type JsonSchema = Readonly<Record<string, unknown>>;

/** What comes in, with the defaults that may be left out. */
const GIVEN: Readonly<Record<string, z.ZodType>> = {
  KeyCreate: api.keyCreate,
  KeyRotate: api.keyRotate,
  KeyChange: api.keyPatch,
  ClawCreate: api.clawCreate,
  ClawChange: api.clawPatch,
  AgentSettings: api.agentSettings,
  McpServer: api.mcpServer,
  RetryPolicy: api.retryPolicy,
  CageResources: api.cageResources,
  TaskTimeouts: api.taskTimeouts,
  UnboundedPolicy: api.unboundedPolicy,
  TaskCreate: api.taskCreate,
  TaskFile: api.taskFile,
  TaskImage: api.taskImage,
  AnswerForm: api.answerForm,
  TaskFunction: api.taskFunction,
  BatchLine: api.batchLine,
  FunctionResult: api.functionResult,
  LimitsChange: api.organisationLimitsPatch,
  ExplainRequest: api.explainRequest,
  ClientMessage: live.clientMessage,
};

/** What goes out. */
const TOLD: Readonly<Record<string, z.ZodType>> = {
  Error: api.errorReply,
  ErrorBody: api.apiError,
  Key: api.keyView,
  KeyModels: api.keyModelsReply,
  Claw: api.clawView,
  Task: api.taskView,
  TaskReply: api.taskReply,
  TaskResult: api.resultReply,
  OutputFile: api.outputFile,
  FunctionCall: api.functionCall,
  TaskEvent: live.taskEvent,
  StreamedEvent: live.streamedEvent,
  ServerMessage: live.serverMessage,
  Batch: api.batchView,
  BatchReply: api.batchReply,
  BatchResult: api.batchResult,
  WebhookSecret: api.webhookSecretReply,
  WebhookBody: api.webhookBody,
  Delivery: api.deliveryView,
  Usage: api.usageView,
  UsageRow: api.usageRow,
  UsageReport: api.usageReport,
  ClawUsage: api.usageReply,
  Limits: api.organisationLimits,
  LimitLevel: api.levelView,
  ClawLimits: api.limitsReply,
  Explained: api.explainReply,
  Ready: api.readyReply,
  Doctor: api.doctorReply,
  Leftover: api.leftover,
  Leftovers: api.leftoversReply,
  Status: api.statusReply,
};

const uri = (name: string): string => `#/components/schemas/${name}`;

/** All named schemas (JSON Schema 2020-12), each once; they refer to one another. */
export function componentSchemas(): Record<string, JsonSchema> {
  return { ...convert(GIVEN, 'input'), ...convert(TOLD, 'output') };
}

/** A reference where the schema has a name, else the schema itself. */
export function schemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const name = Object.entries(io === 'input' ? GIVEN : TOLD).find(([, known]) => known === schema)?.[0];
  if (name !== undefined) return { $ref: uri(name) };
  const registry = registryOf({ ...(io === 'input' ? GIVEN : TOLD), [ANONYMOUS]: schema });
  return tidy(z.toJSONSchema(registry, { io, uri }).schemas[ANONYMOUS]!, ANONYMOUS);
}

const ANONYMOUS = '_';

function convert(
  named: Readonly<Record<string, z.ZodType>>,
  io: 'input' | 'output',
): Record<string, JsonSchema> {
  const { schemas } = z.toJSONSchema(registryOf(named), { io, uri });
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, tidy(schema, name)]));
}

function registryOf(named: Readonly<Record<string, z.ZodType>>) {
  const registry = z.registry<{ id?: string }>();
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id });
  return registry;
}

/** Takes away what says nothing (`$id`, the pattern beside a format, the range of all numbers), and adds what the fields mean. */
function tidy(schema: object, name: string): JsonSchema {
  const {
    $schema: _schema,
    $id: _id,
    pattern,
    minimum,
    maximum,
    ...rest
  } = schema as Record<string, unknown>;
  const kept: Record<string, unknown> = {
    ...rest,
    ...(pattern !== undefined && rest.format === undefined && { pattern }),
    ...(minimum !== undefined && minimum !== Number.MIN_SAFE_INTEGER && { minimum }),
    ...(maximum !== undefined && maximum !== Number.MAX_SAFE_INTEGER && { maximum }),
  };
  for (const key of ['anyOf', 'oneOf', 'allOf'])
    if (Array.isArray(kept[key])) kept[key] = kept[key].map((one) => tidy(one as object, name));
  for (const key of ['items', 'additionalProperties', 'propertyNames'])
    if (isSchema(kept[key])) kept[key] = tidy(kept[key], name);
  if (isSchema(kept.properties)) {
    kept.properties = Object.fromEntries(
      Object.entries(kept.properties).map(([field, value]) => [
        field,
        described(value as object, name, field),
      ]),
    );
  }
  return kept;
}

function described(schema: object, owner: string, field: string): JsonSchema {
  const path = `${owner}.${field}`;
  const note = noteOn(path);
  return { ...(note && { description: note }), ...tidy(schema, path) };
}

const isSchema = (value: unknown): value is object => typeof value === 'object' && value !== null;
