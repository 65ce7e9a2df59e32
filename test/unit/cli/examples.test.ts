import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readClaws } from '../../../cli/claw-file/read-claws.ts';
import { TestTerminal } from '../../support/cli.ts';

const examples = join(import.meta.dirname, '../../../examples');
const files = readdirSync(examples)
  .map((name) => join(examples, name, 'claw.yaml'))
  .filter((file) => existsSync(file));

it.each(files)('%s describes a Claw that can be applied', async (file) => {
  expect(await readClaws([file], new TestTerminal())).toHaveLength(1);
});
