import type { Operation } from './operation.ts';
import { batchOperations } from './operations/batches.ts';
import { clawOperations } from './operations/claws.ts';
import { keyOperations } from './operations/keys.ts';
import { limitOperations } from './operations/limits.ts';
import { systemOperations } from './operations/system.ts';
import { taskOperations } from './operations/tasks.ts';
import { usageOperations } from './operations/usage.ts';
import { webhookOperations } from './operations/webhooks.ts';

/** Everything that the API can do; a test holds it against the routes, both ways. */
export const OPERATIONS: readonly Operation[] = [
  ...keyOperations,
  ...clawOperations,
  ...taskOperations,
  ...batchOperations,
  ...webhookOperations,
  ...usageOperations,
  ...limitOperations,
  ...systemOperations,
];
