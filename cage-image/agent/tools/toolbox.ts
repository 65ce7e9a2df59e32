import { cutMiddle } from '../cut-middle.ts';
import { listFiles } from './list-files.ts';
import { readFile } from './read-file.ts';
import { shell } from './shell.ts';
import type { Tool, ToolContext } from './tool.ts';
import { writeFile } from './write-file.ts';

/** Each checks its own arguments before it runs, so it may be given what a model wrote. */
const TOOLS: readonly Tool<unknown>[] = [shell, readFile, writeFile, listFiles];

export interface ToolResult {
  readonly ok: boolean;
  readonly output: string;
}

/** The tools in the form of https://platform.openai.com/docs/api-reference/chat/create#chat_create-tools. */
export const toolDefinitions = TOOLS.map(({ name, description, parameters }) => ({
  type: 'function' as const,
  function: { name, description, parameters },
}));

/** Runs what the model asked for. Never rejects: what went wrong is told to the model, which can do better. */
export async function runTool(name: string, json: string, context: ToolContext): Promise<ToolResult> {
  const tool = TOOLS.find((candidate) => candidate.name === name);
  if (tool === undefined) {
    return {
      ok: false,
      output: `There is no tool ${name}. There are: ${TOOLS.map((each) => each.name).join(', ')}.`,
    };
  }
  try {
    const args = tool.arguments.safeParse(JSON.parse(json || '{}'));
    if (!args.success) return { ok: false, output: `The arguments do not fit: ${issues(args.error)}` };
    return { ok: true, output: cutMiddle(await tool.run(args.data, context), context.outputLimit) };
  } catch (error) {
    return {
      ok: false,
      output: cutMiddle(error instanceof Error ? error.message : String(error), context.outputLimit),
    };
  }
}

function issues(error: {
  readonly issues: readonly { readonly path: PropertyKey[]; readonly message: string }[];
}): string {
  return error.issues
    .map((issue) => `${issue.path.map(String).join('.') || 'arguments'}: ${issue.message}`)
    .join('; ');
}
