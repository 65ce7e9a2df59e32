/** What differs from one answer to the next: identifiers and times. */
const ID = /\b(chatcmpl|resp|msg|fc|rs|call|modr|file|req)[-_][A-Za-z0-9]{10,}\b/g;
const TIMES = new Set(['created', 'created_at', 'completed_at']);

/** As a provider shows a wrong key: each program has another, and to a cage nothing is shown of it. */
const SHOWN_KEY = /\bsk-sim-[\w-]*\*+[\w-]*|\[redacted\]/g;

/** What the cage changes on purpose, and a response says: the provider keeps nothing of it, and every response has a limit. */
const CHANGED = new Set(['store', 'max_output_tokens']);

/** A result without what two equal calls never have in common. */
export function comparable(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll(ID, '$1').replaceAll(SHOWN_KEY, 'sk-sim-…');
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).filter(
    ([name, member]) => !TIMES.has(name) && !CHANGED.has(name) && !isUnaskedUsage(value, name, member),
  );
  return Object.fromEntries(members.map(([name, member]) => [name, comparable(member)]));
}

/** The meter asks for the usage of every stream: the chunk with it is taken out where the agent did not, the `usage: null` of the others stays. */
function isUnaskedUsage(owner: object, name: string, member: unknown): boolean {
  return (
    name === 'usage' && member === null && (owner as { object?: string }).object === 'chat.completion.chunk'
  );
}
