import { z } from 'zod';
import { clawView } from './claws.ts';
import { taskView } from './tasks.ts';
import { usageReply, usageView } from './usage.ts';

// GET /readyz, GET /api/v1/status
export const readyReply = z.strictObject({
  ready: z.boolean(),
  parts: z.record(z.string(), z.strictObject({ ok: z.boolean(), reason: z.string().optional() })),
});
export type ReadyReply = z.infer<typeof readyReply>;
export const statusReply = z.strictObject({
  ready: z.boolean(),
  version: z.string(),
  install: z.string(),
  parts: readyReply.shape.parts,
  claws: z.array(
    z.strictObject({
      claw: clawView,
      caps: usageReply.shape.caps,
      usage24h: usageView,
      running: z.int(),
      queued: z.int(),
    }),
  ),
  tasks: z.array(taskView),
  cages: z.array(
    z.strictObject({
      cageId: z.string(),
      claw: z.string().nullable(),
      task: z.string().nullable(),
      state: z.string(),
    }),
  ),
});
export type StatusReply = z.infer<typeof statusReply>;
