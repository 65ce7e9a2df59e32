import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './image-tags.ts';
import { readAliases, readSource } from './imports/read.ts';
import { findViolations } from './imports/rules.ts';

// check-imports.ts - holds every TypeScript file of the checkout to the import rules; exit code 1 if one is broken.

const FOLDERS = '{src,orchestrator,cage-image,dashboard,cli,provider-sim,ops,bench,test}';

const aliases = readAliases(ROOT);
const paths = globSync([`${FOLDERS}/**/*.{ts,tsx}`, '*.ts'], { cwd: ROOT });
const files = paths
  .toSorted()
  .map((path) => readSource(path, readFileSync(join(ROOT, path), 'utf8'), aliases));
const violations = findViolations(files);
for (const { rule, because, where, what } of violations)
  console.log(`${where} ${what}\n  ${rule}: ${because}`);
if (violations.length > 0) process.exitCode = 1;
else console.log(`${files.length} files keep the import rules`);
