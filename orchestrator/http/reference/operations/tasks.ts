import { z } from 'zod';
import {
  functionCall,
  functionResult,
  outputFile,
  page,
  resultReply,
  taskCreate,
  taskEventsQuery,
  taskList,
  taskReply,
  taskView,
} from '#protocol/api.ts';
import { streamedEvent } from '#protocol/live.ts';
import { CANCELLED, NO_USAGE, QUEUED, SUCCEEDED, TASK_ID, TIMES, USAGE } from '../examples.ts';
import type { Operation } from '../operation.ts';

const FILE = { path: 'report/summary.md', bytes: 1834 };
const CALL = {
  id: 'call_7Qd2',
  task: TASK_ID,
  name: 'stock_level',
  arguments: '{"article":"A-17"}',
  askedAt: TIMES.started,
  deadline: '2026-01-15T09:35:00.120Z',
};

export const taskOperations: readonly Operation[] = [
  {
    id: 'createTask',
    method: 'post',
    path: '/api/v1/claws/{claw}/tasks',
    tag: 'Tasks',
    summary: 'Give a Claw a task',
    description:
      'When this answers, the task is committed and reaches exactly one final state. Where too many wait already it is not taken: `retry-after` says when to send it again. Its input is sealed until the task ends. Send an `Idempotency-Key` where you may send it twice: the same body then gives the same task for 24 h.',
    headers: ['Idempotency-Key'],
    body: {
      schema: taskCreate,
      example: {
        text: 'Which articles run low? Answer with their numbers.',
        answer: {
          type: 'json_schema',
          schema: {
            type: 'object',
            properties: { articles: { type: 'array', items: { type: 'string' } } },
            required: ['articles'],
          },
        },
        functions: [
          {
            name: 'stock_level',
            description: 'Pieces in stock of an article',
            parameters: { type: 'object', properties: { article: { type: 'string' } } },
          },
        ],
        priority: 10,
      },
    },
    reply: {
      status: 202,
      about: 'Accepted.',
      schema: taskReply,
      example: { task: { ...QUEUED, priority: 10 }, usage: NO_USAGE },
    },
    errors: ['idempotency_mismatch', 'claw_deleted', 'image_invalid', 'queue_full'],
  },
  {
    id: 'listTasks',
    method: 'get',
    path: '/api/v1/tasks',
    tag: 'Tasks',
    summary: 'List tasks',
    description: 'Newest first.',
    query: taskList,
    reply: {
      status: 200,
      about: 'A page of tasks.',
      schema: page(taskView),
      example: { items: [SUCCEEDED], nextCursor: null },
    },
  },
  {
    id: 'getTask',
    method: 'get',
    path: '/api/v1/tasks/{task}',
    tag: 'Tasks',
    summary: 'Get a task',
    reply: {
      status: 200,
      about: 'State and counts.',
      schema: taskReply,
      example: { task: SUCCEEDED, usage: USAGE },
    },
  },
  {
    id: 'getTaskResult',
    method: 'get',
    path: '/api/v1/tasks/{task}/result',
    tag: 'Tasks',
    summary: 'Fetch the result of a task',
    description:
      'A result is kept 24 h unfetched, and 15 minutes after it was first fetched (settings of the installation); then its key is destroyed and this answers `result_gone`. `answer` is null while the task runs and where it did not succeed.',
    reply: {
      status: 200,
      about: 'Answer, names of the files that it left, counts.',
      schema: resultReply,
      example: { task: SUCCEEDED, answer: '{"articles":["A-17"]}', files: [FILE], usage: USAGE },
    },
    errors: ['result_gone'],
  },
  {
    id: 'cancelTask',
    method: 'post',
    path: '/api/v1/tasks/{task}/cancel',
    tag: 'Tasks',
    summary: 'Cancel a task',
    description: 'In whatever state it is, it ends within two seconds.',
    reply: {
      status: 200,
      about: 'The task.',
      schema: taskReply,
      example: { task: CANCELLED, usage: NO_USAGE },
    },
    errors: ['task_final'],
  },
  {
    id: 'followTask',
    method: 'get',
    path: '/api/v1/tasks/{task}/events',
    tag: 'Tasks',
    summary: 'Follow a task (Server-Sent Events)',
    description:
      'Each event has an `id` that grows, its kind as `event`, and JSON as `data`, with the time at which it was said. Behind what was kept comes `caught_up` once, without an id. To go on after a break send the last id as `Last-Event-ID` (browsers do it by themselves) or `after`, to whichever orchestrator: each event comes once and in order. Where that is no longer kept there comes one event `gap` with `{"from": id}`. A comment every 15 s keeps proxies awake. The stream ends after `ended`.',
    query: taskEventsQuery,
    headers: ['Last-Event-ID'],
    reply: {
      status: 200,
      about: 'The events.',
      type: 'text/event-stream',
      each: streamedEvent,
      example: `id: 1768469400120001\nevent: text\ndata: {"kind":"text","text":"A-17","at":"${TIMES.started}"}\n\n`,
    },
  },
  {
    id: 'watchTasks',
    method: 'get',
    path: '/api/v1/events',
    tag: 'Tasks',
    summary: 'Follow tasks (WebSocket)',
    description:
      'Send ClientMessage objects as text: subscribe and unsubscribe tasks, answer calls of functions. ServerMessage objects come back: the events of each task once and in order, `caught_up` behind those that were kept, `gap` where some no longer were. How fast you read never slows the task. A browser, which cannot set headers here, offers the subprotocols `clawcage` and `clawcage.bearer.<token>`.',
    reply: { status: 101, about: 'Switched to the WebSocket protocol.' },
  },
  {
    id: 'listCalls',
    method: 'get',
    path: '/api/v1/tasks/{task}/calls',
    tag: 'Tasks',
    summary: 'List calls of your functions that wait',
    reply: {
      status: 200,
      about: 'The calls that wait for an answer.',
      schema: page(functionCall),
      example: { items: [CALL], nextCursor: null },
    },
  },
  {
    id: 'answerCall',
    method: 'post',
    path: '/api/v1/tasks/{task}/calls/{call}',
    tag: 'Tasks',
    summary: 'Answer a call of a function',
    description:
      'When this answers, the agent has the output. `ok: false` tells the model that the call failed.',
    body: { schema: functionResult, example: { output: '{"pieces":3}' } },
    reply: {
      status: 200,
      about: 'The cage has it.',
      schema: z.strictObject({ task: z.string(), call: z.string() }),
      example: { task: TASK_ID, call: CALL.id },
    },
    errors: ['function_call_answered', 'task_final', 'link_closed', 'peer_silent'],
  },
  {
    id: 'listFiles',
    method: 'get',
    path: '/api/v1/tasks/{task}/files',
    tag: 'Tasks',
    summary: 'List the files that a task left',
    reply: {
      status: 200,
      about: 'What lay in /work/out.',
      schema: page(outputFile),
      example: { items: [FILE], nextCursor: null },
    },
    errors: ['result_gone'],
  },
  {
    id: 'getFile',
    method: 'get',
    path: '/api/v1/tasks/{task}/files/{path}',
    tag: 'Tasks',
    summary: 'Fetch a file that a task left',
    description: 'Kept as long as the result.',
    reply: { status: 200, about: "The file's bytes.", type: 'application/octet-stream' },
    errors: ['result_gone'],
  },
];
