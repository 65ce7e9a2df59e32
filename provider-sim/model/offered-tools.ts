import type { Tool } from '../chat-request.ts';

/** Makes the arguments for one offered tool out of the one thing that it is to be told. */
export interface OfferedTool {
  readonly name: string;
  arguments(value: string): string;
}

interface Property {
  readonly type?: unknown;
}

const SHELL = {
  names: /^(shell|bash|sh|exec|terminal|run_(shell|command))$/i,
  properties: ['command', 'cmd', 'script'],
};
const READ = {
  names: /^(read|read_file|open_file|cat)$/i,
  properties: ['path', 'file', 'filename', 'file_path'],
};

/** A tool that runs a command line, whatever exactly it and its parameter are called. */
export function shellTool(tools: readonly Tool[]): OfferedTool | undefined {
  return offered(tools, SHELL, (command) => ['sh', '-c', command]);
}

/** A tool that reads a file. */
export function readTool(tools: readonly Tool[]): OfferedTool | undefined {
  return offered(tools, READ, (path) => [path]);
}

function offered(
  tools: readonly Tool[],
  kind: { readonly names: RegExp; readonly properties: readonly string[] },
  asList: (value: string) => string[],
): OfferedTool | undefined {
  const found = tools
    .map((tool) => tool.function)
    .find((offer) => offer !== undefined && kind.names.test(offer.name));
  if (found === undefined) return undefined;
  const properties = (found.parameters?.['properties'] ?? {}) as Record<string, Property>;
  const property =
    kind.properties.find((name) => name in properties) ?? Object.keys(properties)[0] ?? kind.properties[0]!;
  const isList = properties[property]?.type === 'array';
  return {
    name: found.name,
    arguments: (value) => JSON.stringify({ [property]: isList ? asList(value) : value }),
  };
}
