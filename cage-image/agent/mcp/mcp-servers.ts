import { CodedError } from '#errors/coded-error.ts';
import type { AgentTask } from '../task.ts';
import type { OfferedTool, ToolContext } from '../tools/tool.ts';

type ServerSettings = AgentTask['claw']['mcp'];

/**
 * Starts the MCP servers of a Claw, all at once, and gives their tools. Throws `agent_failed` with the name of the first that does not start. They end with this
 * process. The client is loaded only where there is a server.
 */
export async function mcpTools(
  servers: ServerSettings,
  context: ToolContext,
  taken: ReadonlySet<string>,
): Promise<OfferedTool[]> {
  const names = Object.keys(servers);
  if (names.length === 0) return [];
  const { McpServer } = await import('./mcp-server.ts');
  const { ToolNames } = await import('./tool-names.ts');
  const started = await Promise.all(
    names.map((name) => {
      const settings = servers[name] as ServerSettings[string];
      return McpServer.start(name, settings, context).catch((error: unknown) => {
        throw new CodedError('agent_failed', {
          server: name,
          reason: `The MCP server ${name} did not start: ${reasonOf(error)}`,
        });
      });
    }),
  );
  const unique = new ToolNames(taken);
  return started.flatMap((server) => server.tools((tool) => unique.of(server.name, tool)));
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'its command was not found.';
  if (code === 'EACCES') return 'its command may not be run.';
  return (message ?? String(error)).slice(0, 300);
}
