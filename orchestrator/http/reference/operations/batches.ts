import { batchLine, batchList, batchReply, batchResult, batchView, page } from '#protocol/api.ts';
import { BATCH_ID, NO_USAGE, TASK_ID, TIMES, USAGE } from '../examples.ts';
import type { Operation } from '../operation.ts';

const RUNNING = {
  id: BATCH_ID,
  claw: 'writer',
  total: 3,
  states: { succeeded: 1, running: 1, queued: 1 },
  done: false,
  createdAt: TIMES.at,
};

export const batchOperations: readonly Operation[] = [
  {
    id: 'createBatch',
    method: 'post',
    path: '/api/v1/claws/{claw}/batches',
    tag: 'Batches',
    summary: 'Give a Claw many tasks',
    description:
      'A line is a task as `createTask` takes it, and a `ref` of yours. All lines are checked first: where one is wrong, nothing is created and `details.lines` names the first twenty with their fields. Up to 10,000 lines and 64 MiB.',
    headers: ['Idempotency-Key'],
    body: {
      schema: batchLine,
      lines: true,
      example: [
        { ref: 'A-17', text: 'Describe article A-17.' },
        { ref: 'B-04', text: 'Describe article B-04.', priority: 5 },
      ],
    },
    reply: {
      status: 202,
      about: 'All tasks are accepted.',
      schema: batchReply,
      example: { batch: { ...RUNNING, total: 2, states: { queued: 2 } }, usage: NO_USAGE },
    },
    errors: ['idempotency_mismatch', 'claw_deleted', 'queue_full'],
  },
  {
    id: 'listBatches',
    method: 'get',
    path: '/api/v1/batches',
    tag: 'Batches',
    summary: 'List batches',
    description: 'Newest first. For the tasks of one: `GET /api/v1/tasks?batch=…`.',
    query: batchList,
    reply: {
      status: 200,
      about: 'A page of batches.',
      schema: page(batchView),
      example: { items: [RUNNING], nextCursor: null },
    },
  },
  {
    id: 'getBatch',
    method: 'get',
    path: '/api/v1/batches/{batch}',
    tag: 'Batches',
    summary: 'Get a batch',
    reply: {
      status: 200,
      about: 'How far it is.',
      schema: batchReply,
      example: { batch: RUNNING, usage: USAGE },
    },
  },
  {
    id: 'cancelBatch',
    method: 'post',
    path: '/api/v1/batches/{batch}/cancel',
    tag: 'Batches',
    summary: 'Cancel a batch',
    description: 'Ends all of its tasks that have not ended.',
    reply: {
      status: 200,
      about: 'The batch.',
      schema: batchReply,
      example: { batch: { ...RUNNING, states: { succeeded: 1, cancelled: 2 }, done: true }, usage: USAGE },
    },
  },
  {
    id: 'getBatchResults',
    method: 'get',
    path: '/api/v1/batches/{batch}/results',
    tag: 'Batches',
    summary: 'Fetch the results of a batch',
    description:
      'A BatchResult on each line, in the order of the tasks, for those that have ended. One whose time was over has the error `result_gone`. Fetching an answer begins its last 15 minutes.',
    reply: {
      status: 200,
      about: 'JSON Lines.',
      type: 'application/x-ndjson',
      each: batchResult,
      example: `${JSON.stringify({ task: TASK_ID, ref: 'A-17', state: 'succeeded', answer: 'A red lamp.' })}\n`,
    },
  },
];
