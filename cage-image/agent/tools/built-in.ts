import { cutMiddle } from '../cut-middle.ts';
import { editFile } from './edit-file.ts';
import { fetchUrl } from './fetch-url.ts';
import { listFiles } from './list-files.ts';
import { readFile } from './read-file.ts';
import { shell } from './shell.ts';
import type { OfferedTool, Tool, ToolContext, ToolResult, Touches } from './tool.ts';
import { writeFile } from './write-file.ts';

/** By the names of a Claw's `agent.tools`. */
const GROUPS: Readonly<Record<string, readonly Tool<unknown>[]>> = {
  shell: [shell],
  files: [readFile, writeFile, editFile, listFiles],
  fetch: [fetchUrl],
};

/** To say that the arguments do not fit. */
const REFUSAL_MS = 5_000;

/** The built-in tools of the groups that a Claw has; names that are none of ours are passed over. */
export function builtInTools(groups: readonly string[], context: ToolContext): OfferedTool[] {
  return groups
    .flatMap((group) => (Object.hasOwn(GROUPS, group) ? (GROUPS[group] ?? []) : []))
    .map((tool) => offered(tool, context));
}

function offered(tool: Tool<unknown>, context: ToolContext): OfferedTool {
  return {
    name: tool.name,
    description: tool.describe(context),
    parameters: tool.parameters,
    touches: (json) => touchesOf(tool, json, context),
    limitMs: (json) => limitOf(tool, json, context),
    call: (json) => call(tool, json, context),
  };
}

function touchesOf(tool: Tool<unknown>, json: string, context: ToolContext): Touches {
  try {
    return tool.touches(tool.arguments.parse(JSON.parse(json || '{}')), context);
  } catch {
    // It will say so itself when it is called, and touch nothing.
    return { kind: 'outside' };
  }
}

function limitOf(tool: Tool<unknown>, json: string, context: ToolContext): number {
  try {
    return tool.limitMs(tool.arguments.parse(JSON.parse(json || '{}')), context);
  } catch {
    return REFUSAL_MS;
  }
}

async function call(tool: Tool<unknown>, json: string, context: ToolContext): Promise<ToolResult> {
  try {
    const args = tool.arguments.safeParse(JSON.parse(json || '{}'));
    if (!args.success) return { ok: false, output: `The arguments do not fit: ${issues(args.error)}` };
    return { ok: true, output: cutMiddle(await tool.run(args.data, context), context.outputLimit) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ok: false, output: cutMiddle(reason, context.outputLimit) };
  }
}

function issues(error: {
  readonly issues: readonly { readonly path: PropertyKey[]; readonly message: string }[];
}): string {
  return error.issues
    .map((issue) => `${issue.path.map(String).join('.') || 'arguments'}: ${issue.message}`)
    .join('; ');
}
