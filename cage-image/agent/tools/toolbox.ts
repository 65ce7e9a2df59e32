import { CodedError } from '#errors/coded-error.ts';
import { Busy } from '../busy.ts';
import type { ToolCall } from '../conversation.ts';
import type { Report } from '../report.ts';
import type { ToolDefinition } from '../turns/model-turns.ts';
import type { OfferedTool, ToolResult, Touches } from './tool.ts';

/** Calls of one step that run at the same time; the others wait for one of them. Functions of the caller, which only wait, do not count. */
const MAX_AT_ONCE = 8;
/** What a tool gets beyond its limit to say itself that it did not come to an end. */
const SLACK_MS = 5_000;
const SHOWN_CHARACTERS = 32 * 1024;

/** All that the model may call in a task. Throws `agent_failed` where two bear one name. */
export class Toolbox {
  readonly definitions: readonly ToolDefinition[];
  readonly #tools: ReadonlyMap<string, OfferedTool>;
  readonly #busy: Busy;

  constructor(tools: readonly OfferedTool[], busy = new Busy()) {
    this.#busy = busy;
    this.#tools = new Map(tools.map((tool) => [tool.name, tool]));
    if (this.#tools.size < tools.length) {
      const names = tools.map(({ name }) => name);
      const twice = names.find((name, at) => names.indexOf(name) < at) ?? '';
      throw new CodedError('agent_failed', {
        reason: `There are two tools of the name ${twice}: give the function another name.`,
      });
    }
    this.definitions = tools.map(({ name, description, parameters }) => ({ name, description, parameters }));
  }

  /** Runs the calls of one step and gives their results in the model's order. Never rejects. */
  async run(calls: readonly ToolCall[], report: Report): Promise<ToolResult[]> {
    const places = new Places(MAX_AT_ONCE);
    const begun: { readonly touches: Touches; readonly done: Promise<ToolResult> }[] = [];
    for (const call of calls) {
      const tool = this.#tools.get(call.name);
      const touches = tool?.touches(call.arguments) ?? { kind: 'outside' };
      const before = begun.filter((earlier) => inOrder(earlier.touches, touches)).map(({ done }) => done);
      report({ kind: 'tool_call', ...call, arguments: call.arguments.slice(0, SHOWN_CHARACTERS) });
      const run = async (): Promise<ToolResult> => {
        await Promise.all(before);
        const result = await this.#call(tool, call, places);
        report({
          kind: 'tool_result',
          id: call.id,
          name: call.name,
          ok: result.ok,
          output: result.output.slice(0, SHOWN_CHARACTERS),
        });
        return result;
      };
      begun.push({ touches, done: run() });
    }
    return Promise.all(begun.map(({ done }) => done));
  }

  async #call(tool: OfferedTool | undefined, call: ToolCall, places: Places): Promise<ToolResult> {
    if (tool === undefined) {
      const names = [...this.#tools.keys()].join(', ');
      return { ok: false, output: `There is no tool ${call.name}. There are: ${names || 'none'}.` };
    }
    const limited = (): Promise<ToolResult> => this.#limited(tool, call.arguments);
    return tool.waitsOnly ? limited() : places.with(limited);
  }

  /** A tool that does not end itself is left: the model is told, and can go on without it. */
  #limited(tool: OfferedTool, json: string): Promise<ToolResult> {
    const limitMs = tool.limitMs(json) + SLACK_MS;
    const late = Promise.withResolvers<ToolResult>();
    const output = `${tool.name} did not end within ${Math.round(limitMs / 1000)} s and was left.`;
    const timer = setTimeout(() => late.resolve({ ok: false, output }), limitMs);
    const ends = (): Promise<ToolResult> => Promise.race([tool.call(json), late.promise]);
    return this.#busy.during(tool.name, limitMs, ends).finally(() => clearTimeout(timer));
  }
}

/** Whether the later of two calls has to wait for the earlier one. */
function inOrder(earlier: Touches, later: Touches): boolean {
  if (earlier.kind === 'outside' || later.kind === 'outside') return false;
  if (earlier.kind === 'file' && later.kind === 'file') return earlier.path === later.path;
  return earlier.kind !== later.kind;
}

class Places {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(places: number) {
    this.#free = places;
  }

  async with<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
