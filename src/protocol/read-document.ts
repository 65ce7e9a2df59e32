import { CodedError } from '#errors/coded-error.ts';
import { withoutUnknownFields, type Schema } from './unknown-fields.ts';

/**
 * Reads a JSON document that a release later than this one may have written: fields that this one does not know are left away. Throws `release_newer` with
 * `what` where it holds a value that this one does not know either: what that would do cannot be guessed.
 */
export function readDocument<T>(schema: Schema<T>, value: unknown, what: Record<string, unknown>): T {
  const read = withoutUnknownFields(schema, value);
  if (read.success) return read.data;
  const fields = read.error.issues.map(({ path }) => path.join('.'));
  throw new CodedError('release_newer', { ...what, fields });
}
