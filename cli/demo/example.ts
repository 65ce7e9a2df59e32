import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { ClawFields } from '#protocol/api.ts';
import { settingsOf } from '#claw/document-settings.ts';
import { clawDocument } from '#claw/document.ts';

export interface Example {
  readonly claw: ClawFields & { readonly name: string };
  /** Paths of the files beside it, for its first task. */
  readonly files: readonly string[];
}

/** An example: its claw.yaml, and the files beside it that are not about the example itself. */
export function readExample(folder: string): Example {
  const document = clawDocument.parse(parse(readFileSync(join(folder, 'claw.yaml'), 'utf8')));
  const files = readdirSync(folder).filter((name) => !['claw.yaml', 'README.md'].includes(name));
  return {
    claw: { name: document.name, ...settingsOf(document) },
    files: files.map((name) => join(folder, name)),
  };
}
