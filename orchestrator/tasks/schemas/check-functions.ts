import type { TaskFunction } from '#protocol/api.ts';
import { problemOfSchema } from './check-schema.ts';

/** Names of the built-in agent's own tools. */
const BUILT_IN = ['shell', 'list_files', 'read_file', 'write_file', 'edit_file', 'fetch'];

export interface Problem {
  readonly field: string;
  readonly problem: string;
}

/** What is wrong with a caller's functions: two of one name, one that bears a built-in tool's, parameters that are no schema of an object. */
export function* problemsOfFunctions(functions: readonly TaskFunction[]): Generator<Problem> {
  const seen = new Set<string>();
  for (const [index, { name, parameters }] of functions.entries()) {
    const field = `functions.${index}`;
    if (seen.has(name)) yield { field: `${field}.name`, problem: 'two functions of one name' };
    seen.add(name);
    if (BUILT_IN.includes(name))
      yield { field: `${field}.name`, problem: 'the name of a built-in tool: choose another' };
    const problem = parameters.type === 'object' ? problemOfSchema(parameters) : 'type must be "object"';
    if (problem !== undefined) yield { field: `${field}.parameters`, problem };
  }
}
