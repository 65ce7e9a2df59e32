import { z } from 'zod';
import { time } from './common.ts';
import { taskReply } from './tasks.ts';

// GET /webhooks/secret, POST /webhooks/secret/rotate, GET /tasks/:id/deliveries
/** Standard Webhooks: the secret `whsec_…` that signs every delivery of this organisation. */
export const webhookSecretReply = z.strictObject({ secret: z.string() });
/** The body of a delivery: ids and counts, no content. */
export const webhookBody = z.strictObject({
  type: z.literal('task.ended'),
  timestamp: time,
  data: taskReply,
});
export type WebhookBody = z.infer<typeof webhookBody>;
export const deliveryView = z.strictObject({
  id: z.string(),
  task: z.string(),
  url: z.string(),
  state: z.enum(['waiting', 'delivered', 'failed']),
  attempts: z.int(),
  /** The HTTP status that came last; null where none came. */
  lastStatus: z.int().nullable(),
  /** Why the last attempt failed: a code of the table, where it was not a status. */
  lastError: z.string().nullable().optional(),
  nextAt: time.nullable(),
  createdAt: time,
});
export type DeliveryView = z.infer<typeof deliveryView>;

export const deliveryList = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().optional(),
});
