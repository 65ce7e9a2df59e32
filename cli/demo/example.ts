import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { clawCreate } from '#protocol/api.ts';
import type { z } from 'zod';

const exampleClaw = clawCreate.omit({ key: true, deploy: true });

export interface Example {
  readonly claw: z.output<typeof exampleClaw>;
  /** Paths of the files beside it, for its first task. */
  readonly files: readonly string[];
}

/** The demo shows the state of the caps, so it has some: far above what its task uses, and low enough to be reached by trying. */
const CAPS = { requestsPerMinute: 60, tokensPerMinute: 60_000 };

/** An example: `claw.json` as the API takes it, and the files beside it that are not about the example itself. */
export function readExample(folder: string): Example {
  const claw = exampleClaw.parse(JSON.parse(readFileSync(join(folder, 'claw.json'), 'utf8')));
  const files = readdirSync(folder).filter((name) => !['claw.json', 'README.md'].includes(name));
  return { claw: { ...CAPS, ...claw }, files: files.map((name) => join(folder, name)) };
}
