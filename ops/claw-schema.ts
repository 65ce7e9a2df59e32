import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'prettier';
import { documentSchema, fieldRows } from '#claw/document-schema.ts';
import { ROOT } from './image-tags.ts';

/** The files that say what claw.yaml may hold, made from src/claw/document.ts. Run it after a change there; a test compares. */
export const SCHEMA_FILE = join(ROOT, 'docs/claw.schema.json');
export const GUIDE_FILE = join(ROOT, 'docs/claw-yaml.md');

const [BEGIN, END] = ['<!-- fields: made by ops/claw-schema.ts -->', '<!-- end of fields -->'];

export function schemaText(): Promise<string> {
  return format(JSON.stringify(documentSchema()), { parser: 'json', printWidth: 110 });
}

/** The guide with its table of fields as they are now. */
export function guideText(guide: string): string {
  const [begin, end] = [guide.indexOf(BEGIN), guide.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${GUIDE_FILE} has no place for the table of fields.`);
  return `${guide.slice(0, begin + BEGIN.length)}\n\n${fieldTable()}\n\n${guide.slice(end)}`;
}

function fieldTable(): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|');
  const rows = fieldRows().map(
    ({ path, kind, standard, about }) =>
      `| \`${path}\` | ${cell(kind)} | ${standard === 'required' || standard === 'left out' ? standard : `\`${standard}\``} | ${cell(about)} |`,
  );
  return ['| field | value | default | meaning |', '|---|---|---|---|', ...rows].join('\n');
}

if (import.meta.main) {
  writeFileSync(SCHEMA_FILE, await schemaText());
  writeFileSync(GUIDE_FILE, guideText(readFileSync(GUIDE_FILE, 'utf8')));
}
