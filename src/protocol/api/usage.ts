import { z } from 'zod';
import { time } from './common.ts';

export const usageView = z.strictObject({
  requests: z.int(),
  inputTokens: z.int(),
  cachedTokens: z.int(),
  outputTokens: z.int(),
  reasoningTokens: z.int(),
  totalTokens: z.int(),
});
export type UsageView = z.infer<typeof usageView>;

// GET /claws/:name/usage?since=1h
export const usageQuery = z.strictObject({
  since: z
    .string()
    .regex(/^\d{1,6}[smhd]$/, 'a number and s, m, h or d')
    .default('24h'),
});
export const usageReply = z.strictObject({
  claw: z.string(),
  since: time,
  usage: usageView,
  caps: z.strictObject({
    requests: z.strictObject({ used: z.int(), limit: z.int().nullable() }),
    tokens: z.strictObject({ used: z.int(), limit: z.int().nullable() }),
  }),
});
export type UsageReply = z.infer<typeof usageReply>;

/** GET /usage: counts by period and, where asked, by claw, key, model or task. Periods begin on the full minute, hour or day of the time zone. */
export const usageReportQuery = z.strictObject({
  claw: z.string().optional(),
  key: z.string().optional(),
  model: z.string().optional(),
  task: z.string().optional(),
  by: z.enum(['minute', 'hour', 'day', 'all']).default('hour'),
  group: z.enum(['none', 'claw', 'key', 'model', 'task', 'operation']).default('none'),
  /** IANA name. */
  timeZone: z.string().max(64).default('UTC'),
  since: z.union([z.string().regex(/^\d{1,6}[smhd]$/), time]).default('24h'),
  until: time.optional(),
  limit: z.coerce.number().int().min(1).max(2000).default(500),
  cursor: z.string().optional(),
});
export const usageRow = z.strictObject({
  /** Null with `by=all`. */
  from: time.nullable(),
  to: time.nullable(),
  /** The name (of a task its id) of what it is grouped by; null with `group=none`. */
  group: z.string().nullable(),
  usage: usageView,
});
export type UsageRow = z.infer<typeof usageRow>;
export const usageReport = z.strictObject({
  since: time,
  until: time,
  timeZone: z.string(),
  items: z.array(usageRow),
  total: usageView,
  nextCursor: z.string().nullable(),
});
export type UsageReport = z.infer<typeof usageReport>;
