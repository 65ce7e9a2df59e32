import { isAbsolute, join } from 'node:path';
import { isMap, isScalar, isSeq, LineCounter, parseAllDocuments, type Document, type Node } from 'yaml';
import { TEXT_FIELDS } from '#claw/document.ts';
import { Failure } from '../failure.ts';
import { checkDocument, type Checked } from './check.ts';
import type { Problem } from './problem.ts';
import { findSecrets, SECRET_REMEDY } from './secret-scan.ts';
import { readUtf8, type Source } from './sources.ts';

/** A Claw as a file describes it, and where. */
export interface ClawInFile extends Checked {
  readonly at: string;
  /** Where its key is named. */
  readonly keyAt: string;
}

export interface Parsed {
  readonly claws: readonly ClawInFile[];
  readonly problems: readonly Problem[];
}

/** Reads the documents of one source: all that are right, and every problem of those that are not. */
export async function parseSource(source: Source): Promise<Parsed> {
  const lines = new LineCounter();
  const where = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${source.name}:${line}:${col}`;
  };
  const documents = parseAllDocuments(source.text, { lineCounter: lines, prettyErrors: false });
  const secrets = findSecrets(source.text);
  if (secrets.length > 0)
    return {
      claws: [],
      problems: secrets.map((offset) => ({ at: where(offset), field: '', problem: SECRET_REMEDY })),
    };
  const claws: ClawInFile[] = [];
  const problems: Problem[] = [];
  for (const document of Array.isArray(documents) ? documents : []) {
    const wrong = [...document.errors, ...document.warnings];
    problems.push(
      ...wrong.map((error) => ({
        at: where(error.pos[0]),
        field: '',
        problem: `not YAML: ${firstLine(error.message)}`,
      })),
    );
    if (wrong.length > 0 || document.contents === null || isEmpty(document.contents)) continue;
    const one = await readDocument(document, source, where);
    if ('problems' in one) problems.push(...one.problems);
    else claws.push(one);
  }
  if (claws.length === 0 && problems.length === 0)
    problems.push({ at: `${source.name}:1:1`, field: '', problem: 'no Claw is described here' });
  return { claws, problems };
}

async function readDocument(
  document: Document.Parsed,
  source: Source,
  where: (offset: number) => string,
): Promise<ClawInFile | { problems: Problem[] }> {
  const start = document.contents?.range?.[0] ?? 0;
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    return { problems: [{ at: where(start), field: '', problem: firstLine((error as Error).message) }] };
  }
  const unread = await replaceReferences(value, source);
  const checked = unread.length > 0 ? unread : checkDocument(value);
  if ('settings' in checked)
    return { ...checked, at: where(start), keyAt: where(offsetOf(document, ['key']) ?? start) };
  const placed = checked.map((found) => ({
    ...found,
    offset: offsetOf(document, found.path, found.key) ?? start,
  }));
  return {
    problems: placed
      .toSorted((a, b) => a.offset - b.offset)
      .map(({ path, key, problem, offset }) => ({
        at: where(offset),
        field: [...path, ...(key === undefined ? [] : [key])].map(String).join('.'),
        problem,
      })),
  };
}

/** Puts the texts of `{file: …}` in their place; what cannot be read is a problem. */
async function replaceReferences(
  value: unknown,
  { folder }: Source,
): Promise<{ path: string[]; key?: string; problem: string }[]> {
  if (typeof value !== 'object' || value === null) return [];
  const fields = value as Record<string, unknown>;
  const problems = [];
  for (const field of TEXT_FIELDS) {
    const reference = fields[field] as { file?: unknown } | null | undefined;
    if (
      typeof reference !== 'object' ||
      typeof reference?.file !== 'string' ||
      Object.keys(reference).length !== 1
    )
      continue;
    const { file } = reference;
    try {
      const text = await readUtf8(isAbsolute(file) ? file : join(folder, file));
      if (findSecrets(text).length > 0) problems.push({ path: [field, 'file'], problem: SECRET_REMEDY });
      fields[field] = text;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      const reason = Object.values(error.details ?? {})[0];
      problems.push({ path: [field, 'file'], problem: `${file} cannot be read: ${String(reason)}` });
    }
  }
  return problems;
}

/** Where the value at a path begins, or a field's name; what is not there is where its nearest parent is. */
function offsetOf(document: Document.Parsed, path: readonly PropertyKey[], key?: string): number | undefined {
  let node: Node | null | undefined = document.contents;
  let offset = node?.range?.[0];
  for (const step of key === undefined ? path : [...path, key]) {
    if (isMap(node)) {
      const pair: { key: unknown; value: unknown } | undefined = node.items.find(
        (item) => isScalar(item.key) && String(item.key.value) === String(step),
      );
      if (!pair) return offset;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value as Node | null;
    } else if (isSeq(node)) {
      node = node.items[Number(step)] as Node | undefined;
      offset = node?.range?.[0] ?? offset;
    } else return offset;
  }
  return offset;
}

const isEmpty = (contents: unknown): boolean => isScalar(contents) && contents.value === null;
const firstLine = (text: string): string => text.split('\n')[0] ?? '';
