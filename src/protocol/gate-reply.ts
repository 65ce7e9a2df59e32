import * as z from 'zod/mini';
import { CodedError, fromBody } from '#errors/coded-error.ts';

/** The path and the upgrade token of the request that offers a link to the gate (role `link`) or attaches to one (role `controller`). */
export const GATE_LINK_PATH = '/link';
export const GATE_LINK_UPGRADE = 'clawcage-link';

/** The gate's error bodies are this small; a reader need not take more. */
export const GATE_BODY_LIMIT = 8192;

const reply = z.object({
  error: z.object({
    code: z.string(),
    message: z.optional(z.string()),
    details: z.optional(z.record(z.string(), z.unknown())),
  }),
});

/** The coded error that a refusing gate answered with; `gate_unavailable` where the body is not one of the gate's. */
export function gateError(status: number | undefined, body: string): CodedError {
  const parsed = reply.safeParse(parseJson(body));
  return parsed.success
    ? fromBody({ code: parsed.data.error.code, details: parsed.data.error.details })
    : new CodedError('gate_unavailable', { status });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
