import { z } from 'zod';
import { apiError, time } from './common.ts';
import { taskCreate, taskView } from './tasks.ts';
import { usageView } from './usage.ts';

// POST /claws/:name/batches (JSON Lines of batchLine), GET /batches, GET /batches/:id, POST /batches/:id/cancel
/** A line: a task, and a name for it. */
export const batchLine = z.strictObject({ ...taskCreate.shape, ref: z.string().min(1).max(200).optional() });
export const batchView = z.strictObject({
  id: z.string(),
  claw: z.string(),
  total: z.int(),
  /** Tasks by state; states without one are left out. */
  states: z.partialRecord(taskView.shape.state, z.int()),
  done: z.boolean(),
  createdAt: time,
});
export type BatchView = z.infer<typeof batchView>;
export const batchReply = z.strictObject({ batch: batchView, usage: usageView });
export type BatchReply = z.infer<typeof batchReply>;
export const batchList = z.strictObject({
  claw: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().optional(),
});
/** A line of GET /batches/:id/results (JSON Lines): tasks that have ended, in their order. */
export const batchResult = z.strictObject({
  task: z.string(),
  ref: z.string().nullable(),
  state: taskView.shape.state,
  answer: z.string().nullable(),
  error: apiError.optional(),
});
export type BatchResult = z.infer<typeof batchResult>;
