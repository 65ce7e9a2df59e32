import { setImmediate as breathe } from 'node:timers/promises';
import type { z } from 'zod';
import { CodedError, toCodedError } from '#errors/coded-error.ts';
import { batchLine } from '#protocol/api.ts';
import type { Line } from './read-lines.ts';

export type BatchLine = z.output<typeof batchLine>;

/** So many wrong lines are told of at once. */
const TOLD = 20;
/** Lines between two moments in which others are served. */
const AT_ONCE = 32;

interface WrongLine {
  readonly line: number;
  readonly fields: readonly { readonly field: string; readonly problem: string }[];
}

/**
 * Every line is checked before anything is made of any. `check` is what a single task would have to pass. `request_invalid` with the numbers and fields of
 * the first wrong lines, never a value.
 */
export async function checkLines(lines: readonly Line[], check: (line: BatchLine) => void): Promise<void> {
  if (lines.length === 0) throw new CodedError('request_invalid', { reason: 'there is no line in it' });
  const wrong: WrongLine[] = [];
  for (const [index, line] of lines.entries()) {
    if (index % AT_ONCE === 0) await breathe();
    const fields = fieldsOf(line, check);
    if (fields.length > 0) wrong.push({ line: line.number, fields });
    if (wrong.length >= TOLD) break;
  }
  if (wrong.length > 0)
    throw new CodedError('request_invalid', { lines: wrong, reason: 'nothing was created: see the lines' });
}

/** A line that was checked. */
export const parseLine = (line: Line): BatchLine => batchLine.parse(jsonOf(line));

function fieldsOf(line: Line, check: (line: BatchLine) => void): WrongLine['fields'] {
  try {
    const parsed = batchLine.safeParse(jsonOf(line));
    if (!parsed.success)
      return parsed.error.issues.map((issue) => ({
        field:
          issue.path.join('.') || (issue.code === 'unrecognized_keys' ? issue.keys.join(', ') : '(line)'),
        problem: issue.message,
      }));
    check(parsed.data);
    return [];
  } catch (error) {
    return toldOf(toCodedError(error));
  }
}

function toldOf({ code, message, details }: CodedError): WrongLine['fields'] {
  if (Array.isArray(details?.fields)) return details.fields as WrongLine['fields'];
  const reason = typeof details?.reason === 'string' ? ` (${details.reason})` : '';
  const field = typeof details?.field === 'string' ? details.field : '(line)';
  if (code === 'internal') return [{ field, problem: 'cannot be read' }];
  return [{ field, problem: `${code}: ${message}${reason}` }];
}

function jsonOf({ bytes }: Line): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new CodedError('request_invalid', { fields: [{ field: '(line)', problem: 'not UTF-8' }] });
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new CodedError('request_invalid', { fields: [{ field: '(line)', problem: 'not valid JSON' }] });
  }
}
