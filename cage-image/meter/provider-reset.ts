import type { IncomingHttpHeaders } from 'node:http';
import { durationOf } from './rate-limits.ts';

/** However long a provider says: what it limits may change sooner, and somebody has to find out. */
const LONGEST_MS = 3_600_000;

/** No waiting helps against these: the account has to be paid for. */
const NOT_A_LIMIT = new Set(['insufficient_quota', 'billing_hard_limit_reached', 'billing_not_active']);

/**
 * How long the provider will refuse other calls with the same key, by its 429: `retry-after-ms`, `retry-after` (seconds or an HTTP date, RFC 9110 section 10.2.3), or
 * else the reset of the dimension of which nothing remains (https://platform.openai.com/docs/guides/rate-limits). Undefined where it does not say, or no time helps.
 * `body` is the beginning of its answer.
 */
export function providerResetMs(
  status: number | undefined,
  headers: IncomingHttpHeaders,
  body: string,
  nowMs = Date.now(),
): number | undefined {
  if (status !== 429 || errorNames(body).some((name) => NOT_A_LIMIT.has(name as string))) return undefined;
  const ms = retryAfterMs(headers) ?? retryAfter(headers, nowMs) ?? usedUpResetMs(headers);
  return ms === undefined || !(ms > 0) ? undefined : Math.min(Math.ceil(ms), LONGEST_MS);
}

const textOf = (headers: IncomingHttpHeaders, name: string): string | undefined => {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
};

function retryAfterMs(headers: IncomingHttpHeaders): number | undefined {
  const text = textOf(headers, 'retry-after-ms');
  return text !== undefined && /^\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
}

function retryAfter(headers: IncomingHttpHeaders, nowMs: number): number | undefined {
  const text = textOf(headers, 'retry-after');
  if (text === undefined) return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  if (Number.isNaN(at)) return undefined;
  // Both dates are of the provider's clock where it tells its own.
  const says = Date.parse(textOf(headers, 'date') ?? '');
  return at - (Number.isNaN(says) ? nowMs : says);
}

function usedUpResetMs(headers: IncomingHttpHeaders): number | undefined {
  const resets = ['requests', 'tokens'].flatMap((dimension) => {
    const remaining = textOf(headers, `x-ratelimit-remaining-${dimension}`);
    const reset = textOf(headers, `x-ratelimit-reset-${dimension}`);
    const ms = remaining?.trim() === '0' && reset !== undefined ? durationOf(reset) : undefined;
    return ms === undefined ? [] : [ms];
  });
  return resets.length === 0 ? undefined : Math.max(...resets);
}

function errorNames(body: string): unknown[] {
  try {
    const { error } = JSON.parse(body) as { error?: { code?: unknown; type?: unknown } };
    return [error?.code, error?.type];
  } catch {
    return [];
  }
}
