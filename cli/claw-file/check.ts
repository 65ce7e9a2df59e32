import type { z } from 'zod';
import { CodedError } from '#errors/coded-error.ts';
import type { ClawFields } from '#protocol/api.ts';
import { assertClaw } from '#claw/check.ts';
import { fieldsAt } from '#claw/document-schema.ts';
import { settingsOf } from '#claw/document-settings.ts';
import { clawDocument } from '#claw/document.ts';
import { nearest } from './nearest.ts';

export interface Found {
  readonly path: readonly PropertyKey[];
  /** Set where the name of the field itself is wrong, not its value. */
  readonly key?: string;
  readonly problem: string;
}

export interface Checked {
  readonly name: string;
  readonly settings: ClawFields;
  readonly deploy: boolean | undefined;
}

/** What people may know by another name: from the API, or from the flags of `claws create`. */
const OF_THE_WIRE: Readonly<Record<string, string>> = {
  timeoutMs: 'timeout: 10m',
  idleMs: 'idle: 10m',
  cancelGraceMs: 'cancelGrace: 1s',
  'timeouts.waitingMs': 'waiting: 1h',
  'timeouts.startingMs': 'starting: 2m',
  'retry.backoffMs': 'backoff: 1s',
  'retry.maxBackoffMs': 'maxBackoff: 1m',
  'resources.memoryMiB': 'memory: 512MiB',
  'resources.workMiB': 'work: 256MiB',
  'resources.tmpMiB': 'tmp: 64MiB',
  rpm: 'requestsPerMinute: 60',
  tpm: 'tokensPerMinute: 60000',
  command: 'agent: {command: […]}',
  image: 'agent: {image: …}',
};

/** A document whose references to files are texts already, or every problem that it has. */
export function checkDocument(value: unknown): Checked | readonly Found[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return [{ path: [], problem: 'a Claw is a map of fields: name, model, key and more' }];
  const parsed = clawDocument.safeParse(value);
  if (!parsed.success) return parsed.error.issues.flatMap((issue) => found(issue));
  const settings = settingsOf(parsed.data);
  try {
    assertClaw({ ...settings });
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    const fields = error.details?.fields as readonly { field: string; problem: string }[];
    return fields.map(({ field, problem }) => ({ path: [field], problem }));
  }
  return { name: parsed.data.name, settings, deploy: parsed.data.deploy };
}

function found(issue: z.core.$ZodIssue, above: readonly PropertyKey[] = []): Found[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownField(path, key));
  if (issue.code === 'invalid_union') return closest(issue.errors).flatMap((one) => found(one, path));
  if (issue.code === 'invalid_key') return issue.issues.flatMap((one) => found({ ...one, path: [] }, path));
  return [{ path, problem: wordsOf(issue) }];
}

/** The branch that was most probably meant: the one that goes deepest into the value, of those the one with the fewest problems. */
function closest(branches: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] {
  const wrongAsAWhole = (issues: readonly z.core.$ZodIssue[]): number =>
    issues.some(({ code, path }) => code === 'invalid_type' && path.length === 0) ? 1 : 0;
  return branches.toSorted((a, b) => wrongAsAWhole(a) - wrongAsAWhole(b) || a.length - b.length)[0] ?? [];
}

function unknownField(path: readonly PropertyKey[], key: string): Found {
  const known = fieldsAt(path);
  const wire = OF_THE_WIRE[[...path, key].map(String).join('.')];
  const meant = nearest(key, known);
  const hint =
    wire !== undefined
      ? `here it is written ${wire}`
      : meant === undefined
        ? `it may be ${known.join(', ')}`
        : `did you mean ${meant}?`;
  return { path, key, problem: `there is no such field; ${hint}` };
}

function wordsOf(issue: z.core.$ZodIssue): string {
  if (issue.message.endsWith('received undefined')) return 'is missing';
  return issue.message
    .replace(/^Invalid (input|option|string): /, '')
    .replace(/^(\w)/, (first) => first.toLowerCase());
}
