import type { Row } from './row.ts';
import { AGENT_ERRORS } from './rows/agent.ts';
import { CLAW_ERRORS } from './rows/claw.ts';
import { COMMAND_LINE_ERRORS } from './rows/command-line.ts';
import { GATE_ERRORS } from './rows/gate.ts';
import { KEY_ERRORS } from './rows/key.ts';
import { LIMIT_ERRORS } from './rows/limit.ts';
import { LINK_ERRORS } from './rows/link.ts';
import { METER_ERRORS } from './rows/meter.ts';
import { PROVIDER_ERRORS } from './rows/provider.ts';
import { REQUEST_ERRORS } from './rows/request.ts';
import { RUNTIME_ERRORS } from './rows/runtime.ts';
import { STORAGE_ERRORS } from './rows/storage.ts';
import { TASK_ERRORS } from './rows/task.ts';
import { WEBHOOK_ERRORS } from './rows/webhook.ts';

export type { Verdict } from './row.ts';

/**
 * The one table of coded errors. A code is `subject_what`, never used again for another meaning; the message
 * names the remedy; `status` is the HTTP status; `verdict` says what a caller may do about it:
 *
 * - `final`: trying again changes nothing
 * - `retryable`: nothing happened, trying again may succeed
 * - `unknown`: it may have happened; look before doing it again
 */
export const ERRORS = {
  ...REQUEST_ERRORS,
  ...KEY_ERRORS,
  ...CLAW_ERRORS,
  ...TASK_ERRORS,
  ...RUNTIME_ERRORS,
  ...LINK_ERRORS,
  ...GATE_ERRORS,
  ...METER_ERRORS,
  ...LIMIT_ERRORS,
  ...PROVIDER_ERRORS,
  ...AGENT_ERRORS,
  ...WEBHOOK_ERRORS,
  ...STORAGE_ERRORS,
  ...COMMAND_LINE_ERRORS,
} as const satisfies Record<string, Row>;

export type ErrorCode = keyof typeof ERRORS;
