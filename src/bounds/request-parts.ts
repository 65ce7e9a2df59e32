import { CodedError } from '#errors/coded-error.ts';
import type { Unbounded } from './unbounded.ts';

/** A request of the agent's as it was understood: a JSON object, or the text fields of a form. */
export type Request = Readonly<Record<string, unknown>>;

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function record(value: unknown): Request {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** The data: URL of an image, or undefined where it is anything else: the provider would fetch any other. */
export function imageData(value: unknown): string | undefined {
  const url = typeof value === 'string' ? value : record(value).url;
  return typeof url === 'string' && /^data:image\/[a-z0-9.+-]+;base64,/i.test(url) ? url : undefined;
}

export function invalid(field: string, reason: string): CodedError {
  return new CodedError('meter_request_invalid', { field, reason });
}

/** Nobody knows what a field costs that is set and not in the list. Error: `meter_unbounded`, unless the Claw allows `unknown_fields`. */
export function refuseOthers(request: Request, known: ReadonlySet<string>, met: Unbounded): void {
  for (const [field, value] of Object.entries(request)) {
    if (isSet(value) && !known.has(field))
      met.meet('unknown_fields', field, 'what this field costs is not known');
  }
}

export const isSet = (value: unknown): boolean => value !== undefined && value !== null;

/** A whole number from 1 to `most`, or undefined where the field is absent or null. Error: `meter_request_invalid` {field}. */
export function positive(request: Request, field: string, most = 1_000_000_000): number | undefined {
  const value = request[field];
  if (value === undefined || value === null) return undefined;
  // Some servers take -1 for "without end".
  if (!Number.isSafeInteger(value) || (value as number) < 1 || (value as number) > most) {
    throw invalid(field, `It takes a whole number from 1 to ${most}.`);
  }
  return value as number;
}

export const fields = (names: string): ReadonlySet<string> => new Set(names.trim().split(/\s+/));
