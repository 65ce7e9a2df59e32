import { createHash } from 'node:crypto';

/**
 * What the body behind an Idempotency-Key is compared by: SHA-256, in hex, over its canonical JSON (members sorted by name, as in RFC 8785). Two bodies that say the same in another order
 * are one. At the top level a field that says nothing (null, an empty list) counts like one that is not there, so that a field that a later release adds does not make another body of an
 * earlier one.
 */
export function contentHash(content: Readonly<Record<string, unknown>>): string {
  const said = Object.entries(content).filter(([, value]) => saysSomething(value));
  return createHash('sha256')
    .update(canonical(Object.fromEntries(said)))
    .digest('hex');
}

/** The value as JSON, members sorted by name at every depth. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`);
  return `{${members.join(',')}}`;
}

function saysSomething(value: unknown): boolean {
  return value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);
}
