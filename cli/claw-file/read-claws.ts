import type { Terminal } from '../terminal/terminal.ts';
import { parseSource, type ClawInFile } from './parse.ts';
import { invalidFiles, type Problem } from './problem.ts';
import { readSources } from './sources.ts';

/** Every Claw that the files describe. `claw_file_invalid` with all problems of all files, where there is one. */
export async function readClaws(
  paths: readonly string[],
  terminal: Terminal,
): Promise<readonly ClawInFile[]> {
  const parsed = await Promise.all((await readSources(paths, terminal)).map((source) => parseSource(source)));
  const claws = parsed.flatMap((one) => one.claws);
  const problems = [...parsed.flatMap((one) => one.problems), ...twice(claws)];
  if (problems.length > 0) throw invalidFiles(problems);
  return claws;
}

function twice(claws: readonly ClawInFile[]): Problem[] {
  return claws.flatMap(({ name, at }, index) => {
    const first = claws.findIndex((claw) => claw.name === name);
    if (first === index) return [];
    return [{ at, field: 'name', problem: `${name} is described already at ${claws[first]!.at}` }];
  });
}
