import { z } from 'zod';
import { apiError, functionCall, functionResult, taskView, usageView } from './api.ts';

/**
 * WebSocket /api/v1/events: the client subscribes to tasks, the server sends their events in order. Ids grow by one within a task;
 * `after` resumes behind the last id that was seen, at whichever orchestrator. A client that asks for ids that are no longer kept gets `gap` and goes on from there; one that is too slow
 * rests, and goes on in the same way. `caught_up` comes once, behind what was kept.
 */
export const clientMessage = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('subscribe'), task: z.string(), after: z.int().min(0).optional() }),
  z.strictObject({ type: z.literal('unsubscribe'), task: z.string() }),
  /** Answers a call of a function; `error` comes back where it cannot be taken, `function_result_taken` where it was. */
  z.strictObject({
    type: z.literal('function_result'),
    task: z.string(),
    call: z.string(),
    ...functionResult.shape,
  }),
]);

export const taskEvent = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('state'), task: taskView }),
  z.strictObject({ kind: z.literal('text'), text: z.string() }),
  z.strictObject({ kind: z.literal('tool_call'), id: z.string(), name: z.string(), arguments: z.string() }),
  z.strictObject({
    kind: z.literal('tool_result'),
    id: z.string(),
    name: z.string(),
    ok: z.boolean(),
    output: z.string(),
  }),
  z.strictObject({ kind: z.literal('status'), status: z.string() }),
  /** What the agent's process writes to stderr. */
  z.strictObject({ kind: z.literal('log'), text: z.string() }),
  /** The model calls a function of the caller's. */
  z.strictObject({ kind: z.literal('function_call'), call: functionCall }),
  /** It is answered, or its time is over. */
  z.strictObject({ kind: z.literal('function_result'), call: z.string(), ok: z.boolean() }),
  /** The last event of a task. */
  z.strictObject({ kind: z.literal('ended'), task: taskView, usage: usageView }),
]);
export type TaskEvent = z.infer<typeof taskEvent>;

const [firstKind, ...otherKinds] = taskEvent.options;
const at = z.iso.datetime();

/** The `data` of a Server-Sent Event: a TaskEvent, and when it was said. */
export const streamedEvent = z.discriminatedUnion('kind', [
  firstKind.extend({ at }),
  ...otherKinds.map((kind) => kind.extend({ at })),
]);

export const serverMessage = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('event'),
    task: z.string(),
    id: z.int(),
    /** When it was said. */
    at: z.iso.datetime(),
    event: taskEvent,
  }),
  z.strictObject({ type: z.literal('gap'), task: z.string(), from: z.int() }),
  /** All that was kept has been sent; what follows is new. */
  z.strictObject({ type: z.literal('caught_up'), task: z.string() }),
  z.strictObject({ type: z.literal('function_result_taken'), task: z.string(), call: z.string() }),
  z.strictObject({ type: z.literal('error'), task: z.string().optional(), error: apiError }),
]);
export type ServerMessage = z.infer<typeof serverMessage>;
