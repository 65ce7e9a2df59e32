import { z } from 'zod';
import { doctorQuery, doctorReply, leftoversReply, readyReply, statusReply } from '#protocol/api.ts';
import { CLAW, SUCCEEDED, USAGE } from '../examples.ts';
import type { Operation } from '../operation.ts';

const PARTS = {
  store: { ok: true },
  redis: { ok: true },
  queue: { ok: true },
  engine: { ok: true },
  gate: { ok: false, reason: 'The gate does not answer.' },
};

export const systemOperations: readonly Operation[] = [
  {
    id: 'getStatus',
    method: 'get',
    path: '/api/v1/status',
    tag: 'System',
    summary: 'Get the whole on one page',
    reply: {
      status: 200,
      about: 'Parts, Claws with their caps, the last tasks, cages.',
      schema: statusReply,
      example: {
        ready: true,
        version: '0.1.0',
        install: 'a1b2c3d4',
        parts: { ...PARTS, gate: { ok: true } },
        claws: [
          {
            claw: CLAW,
            caps: { requests: { used: 3, limit: null }, tokens: { used: 2458, limit: 60_000 } },
            usage24h: USAGE,
            running: 0,
            queued: 0,
          },
        ],
        tasks: [SUCCEEDED],
        cages: [{ cageId: 'cage_01jh0a4x2k7v3m9q5t8w', claw: 'writer', task: null, state: 'warm' }],
      },
    },
  },
  {
    id: 'examine',
    method: 'get',
    path: '/api/v1/doctor',
    tag: 'System',
    summary: 'Examine the installation',
    description: 'A closer look than /readyz: also opens a cage, has it prove itself, and ends it.',
    query: doctorQuery,
    reply: {
      status: 200,
      about: 'Each check, and what to do where it is not ok.',
      schema: doctorReply,
      example: { ok: true, checks: [{ name: 'redis', ok: true, found: '7.4', ms: 2 }] },
    },
  },
  {
    id: 'makeBackup',
    method: 'post',
    path: '/api/v1/backup',
    tag: 'System',
    summary: 'Make a backup',
    description:
      'Of the whole installation as of one moment, while everything goes on; for owners and admins. It holds no inputs, results, files or key-encryption keys: see docs/storage.md. `repr-digest` has the SHA-256 of the file (RFC 9530).',
    reply: {
      status: 200,
      about: 'The file, to be restored by `clawcage restore`.',
      type: 'application/octet-stream',
    },
    errors: ['store_full'],
  },
  {
    id: 'getLeftovers',
    method: 'get',
    path: '/api/v1/doctor/leftovers',
    tag: 'System',
    summary: 'List what is left over',
    description:
      'What nobody needs any more, with the time for which the service has seen it so and when it goes by itself. A dry run: nothing is removed for it. Of several orchestrators the one that is asked tells what it has seen.',
    reply: {
      status: 200,
      about: 'The next to go first; at most 500.',
      schema: leftoversReply,
      example: {
        leftovers: [
          {
            kind: 'container',
            name: 'cage_01jh0a4x2k7v3m9q5t8w',
            why: 'no row names it',
            action: 'remove',
            ageMs: 12_400,
            dueInMs: 47_600,
          },
        ],
        more: 0,
        unseen: [],
      },
    },
  },
  {
    id: 'endCages',
    method: 'post',
    path: '/api/v1/cages/end',
    tag: 'System',
    summary: 'End every cage',
    description: 'Of your organisation; tasks in them end as cancelled.',
    reply: {
      status: 200,
      about: 'How many there were.',
      schema: z.strictObject({ ended: z.int() }),
      example: { ended: 2 },
    },
    errors: ['runtime_unavailable'],
  },
  {
    id: 'isAlive',
    method: 'get',
    path: '/healthz',
    tag: 'System',
    summary: 'Is the process alive?',
    reply: {
      status: 200,
      about: 'It is.',
      schema: z.strictObject({ ok: z.literal(true) }),
      example: { ok: true },
    },
    open: true,
  },
  {
    id: 'isReady',
    method: 'get',
    path: '/readyz',
    tag: 'System',
    summary: 'Is every part ready?',
    description: 'With status 503 and the same form where one is not: the part says why.',
    reply: {
      status: 200,
      about: 'Every part is.',
      schema: readyReply,
      example: { ready: false, parts: PARTS },
    },
    open: true,
  },
  {
    id: 'getMetrics',
    method: 'get',
    path: '/metrics',
    tag: 'System',
    summary: 'Metrics for Prometheus',
    description: 'Counts only.',
    reply: {
      status: 200,
      about: "Prometheus' text format.",
      type: 'text/plain',
      example: 'clawcage_tasks{state="running"} 2\n',
    },
    open: true,
  },
  {
    id: 'getOpenApi',
    method: 'get',
    path: '/api/openapi.json',
    tag: 'System',
    summary: 'This reference as OpenAPI 3.1',
    reply: { status: 200, about: 'The document.', schema: z.record(z.string(), z.unknown()) },
    open: true,
  },
];
