import type { AgentTask } from '../task.ts';
import { cutMiddle } from '../cut-middle.ts';
import type { OfferedTool } from '../tools/tool.ts';
import type { FunctionDesk } from './function-desk.ts';

/** The caller's functions as tools beside the others. */
export function functionTools(
  functions: AgentTask['task']['functions'],
  desk: FunctionDesk,
  outputLimit: number,
): OfferedTool[] {
  return functions.map(({ name, description, parameters }) => ({
    name,
    description,
    parameters,
    waitsOnly: true,
    touches: () => ({ kind: 'outside' }),
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
