import { usageQuery, usageReply, usageReport, usageReportQuery } from '#protocol/api.ts';
import { TIMES, USAGE } from '../examples.ts';
import type { Operation } from '../operation.ts';

const DAY_BEFORE = '2026-01-14T09:30:00.000Z';

export const usageOperations: readonly Operation[] = [
  {
    id: 'getUsage',
    method: 'get',
    path: '/api/v1/usage',
    tag: 'Usage',
    summary: 'Get usage by period',
    description:
      'Requests and tokens from `since` on and before `until`, by periods of the time zone (a day has 23 or 25 hours when its clocks change). Periods without a call are left out, and the first and the last may be cut. Claws that were deleted count on under their name.',
    query: usageReportQuery,
    reply: {
      status: 200,
      about: 'A page of periods, and the sum of all of them.',
      schema: usageReport,
      example: {
        since: DAY_BEFORE,
        until: TIMES.at,
        timeZone: 'Europe/Berlin',
        items: [
          { from: '2026-01-15T08:00:00.000Z', to: '2026-01-15T09:00:00.000Z', group: 'writer', usage: USAGE },
        ],
        total: USAGE,
        nextCursor: null,
      },
    },
  },
  {
    id: 'getClawUsage',
    method: 'get',
    path: '/api/v1/claws/{claw}/usage',
    tag: 'Usage',
    summary: 'Get the usage and the caps of a Claw',
    query: usageQuery,
    reply: {
      status: 200,
      about: 'The sum since then, and what counts against its caps now.',
      schema: usageReply,
      example: {
        claw: 'writer',
        since: DAY_BEFORE,
        usage: USAGE,
        caps: { requests: { used: 3, limit: null }, tokens: { used: 2458, limit: 60_000 } },
      },
    },
  },
];
