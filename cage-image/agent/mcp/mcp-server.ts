import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { CallToolResult, Tool } from '@modelcontextprotocol/sdk/types.js';
import { cutMiddle } from '../cut-middle.ts';
import type { AgentTask } from '../task.ts';
import type { OfferedTool, ToolContext, ToolResult } from '../tools/tool.ts';
import { proxiedFetch } from '../web/proxied-fetch.ts';
import { wayOut } from '../web/proxy-environment.ts';
import { contentText } from './content-text.ts';
import { MCP_CALL_MS, MCP_START_MS } from './limits.ts';

const MAX_PAGES = 20;

/** One MCP server and what it offers (https://modelcontextprotocol.io/specification): a process in the cage, or an address on the egress list. */
export class McpServer {
  readonly name: string;
  readonly #client: Client;
  readonly #offered: readonly Tool[];
  readonly #context: ToolContext;
  #ended = false;

  private constructor(name: string, client: Client, offered: readonly Tool[], context: ToolContext) {
    this.name = name;
    this.#client = client;
    this.#offered = offered;
    this.#context = context;
    client.onclose = () => {
      this.#ended = true;
    };
  }

  /** Rejects where it is not ready in time, all of its pages read: the client keeps the time of single requests only, and of some not at all. */
  static async start(
    name: string,
    settings: AgentTask['claw']['mcp'][string],
    context: ToolContext,
  ): Promise<McpServer> {
    const client = new Client({ name: 'clawcage-agent', version: '1' });
    const timeout = Math.max(1_000, Math.min(MCP_START_MS, context.remainingMs()));
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(new Error(`it was not ready within ${Math.round(timeout / 1000)} s.`)),
      timeout,
    );
    const ready = async (): Promise<Tool[]> => {
      await client.connect(transportTo(settings, context), { timeout });
      return client.getServerCapabilities()?.tools ? await listed(client, timeout) : [];
    };
    const offered = await Promise.race([ready(), late.promise]).finally(() => clearTimeout(timer));
    return new McpServer(name, client, offered, context);
  }

  tools(nameOf: (tool: string) => string): OfferedTool[] {
    return this.#offered.map((tool) => ({
      name: nameOf(tool.name),
      description: tool.description ?? tool.title ?? tool.name,
      parameters: tool.inputSchema,
      touches: () => ({ kind: 'outside' }),
      limitMs: () => this.#callMs(),
      call: (json) => this.#call(tool.name, json),
    }));
  }

  #callMs(): number {
    return Math.max(1_000, Math.min(MCP_CALL_MS, this.#context.remainingMs()));
  }

  async #call(tool: string, json: string): Promise<ToolResult> {
    if (this.#ended) return { ok: false, output: `The MCP server ${this.name} has ended.` };
    try {
      const result = (await this.#client.callTool(
        { name: tool, arguments: JSON.parse(json || '{}') as Record<string, unknown> },
        undefined,
        { timeout: this.#callMs() },
      )) as CallToolResult;
      return {
        ok: result.isError !== true,
        output: cutMiddle(contentText(result), this.#context.outputLimit),
      };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return {
        ok: false,
        output: cutMiddle(
          this.#ended ? `The MCP server ${this.name} has ended: ${reason}` : reason,
          this.#context.outputLimit,
        ),
      };
    }
  }
}

async function listed(client: Client, timeout: number): Promise<Tool[]> {
  const tools: Tool[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const { tools: some, nextCursor } = await client.listTools(cursor === undefined ? {} : { cursor }, {
      timeout,
    });
    tools.push(...some);
    if (nextCursor === undefined) break;
    cursor = nextCursor;
  }
  return tools;
}

function transportTo(settings: AgentTask['claw']['mcp'][string], context: ToolContext): Transport {
  if ('url' in settings) {
    return new StreamableHTTPClientTransport(new URL(settings.url), {
      fetch: proxiedFetch(wayOut(context.environment)),
    }) as Transport;
  }
  const [command = '', ...args] = settings.command;
  const transport = new StdioClientTransport({
    command,
    args,
    env: { ...definedOnly(context.environment), ...settings.env },
    cwd: context.work,
    // What it says there goes where the agent's own does: to the task's log.
    stderr: 'inherit',
  });
  process.once('exit', () => endProcess(transport.pid));
  return transport;
}

function endProcess(pid: number | null): void {
  try {
    if (pid !== null) process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

function definedOnly(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
