import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { z } from 'zod';

/** A real MCP server with a few tools: over HTTP in the test's process, or over stdio as a process of its own (`node test/support/mcp-server.ts`). */
function exampleServer(): McpServer {
  const server = new McpServer({ name: 'example', version: '1' });
  server.registerTool(
    'add',
    { description: 'Adds two numbers.', inputSchema: { a: z.number(), b: z.number() } },
    ({ a, b }) => ({ content: [{ type: 'text', text: String(a + b) }] }),
  );
  server.registerTool('picture', { description: 'Draws.' }, () => ({
    content: [{ type: 'image', mimeType: 'image/png', data: Buffer.from('12345').toString('base64') }],
  }));
  server.registerTool('fail', { description: 'Fails.' }, () => ({
    isError: true,
    content: [{ type: 'text', text: 'it went wrong' }],
  }));
  server.registerTool('die', { description: 'Ends the server.' }, () => process.exit(1));
  server.registerTool('env', { description: 'Its environment.' }, () => ({
    content: [{ type: 'text', text: process.env['GREETING'] ?? 'unset' }],
  }));
  return server;
}

/** Over streamable HTTP, on 127.0.0.1, without sessions. */
export async function startMcpHttpServer(): Promise<{ readonly url: string } & AsyncDisposable> {
  const http: Server = createServer((request, response) => {
    void (async () => {
      const transport = new StreamableHTTPServerTransport();
      await exampleServer().connect(transport as Transport);
      await transport.handleRequest(request, response);
    })();
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
    [Symbol.asyncDispose]: async () => {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

if (import.meta.main) {
  await exampleServer().connect(new StdioServerTransport());
  process.stderr.write('the example server runs\n');
}
