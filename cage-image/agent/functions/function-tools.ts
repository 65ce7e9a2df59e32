import type { AgentTask } from '../task.ts';
import { cutMiddle } from '../cut-middle.ts';
import type { OfferedTool } from '../tools/tool.ts';
import type { FunctionDesk } from './function-desk.ts';

const ANSWER_MS = 10_000;

/** The caller's functions as tools beside the others. */
export function functionTools(
  { functions, functionWaitMs }: Pick<AgentTask['task'], 'functions' | 'functionWaitMs'>,
  desk: FunctionDesk,
  outputLimit: number,
): OfferedTool[] {
  return functions.map(({ name, description, parameters }) => ({
    name,
    description,
    parameters,
    waitsOnly: true,
    touches: () => ({ kind: 'outside' }),
    // Kept by the warden, which answers when it is over.
    limitMs: () => functionWaitMs + ANSWER_MS,
    call: async (json) => {
      if (!isObject(json)) return { ok: false, output: 'The arguments are not a JSON object.' };
      const { ok, output } = await desk.call(name, json);
      return { ok, output: cutMiddle(output, outputLimit) };
    },
  }));
}

function isObject(json: string): boolean {
  try {
    const value: unknown = JSON.parse(json || '{}');
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
