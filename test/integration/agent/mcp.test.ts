import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AgentBench, type AgentTaskOptions } from '../../support/agent.ts';
import { startForwardProxy } from '../../support/forward-proxy.ts';
import { startMcpHttpServer } from '../../support/mcp-server.ts';
import { startTestProvider, type TestProvider } from '../../support/provider.ts';

let provider: TestProvider;
let bench: AgentBench;
beforeAll(async () => {
  provider = await startTestProvider({ plain: true });
  bench = await AgentBench.prepare(provider);
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
  await provider.close();
});

const STDIO = [process.execPath, new URL('../../support/mcp-server.ts', import.meta.url).pathname];
type Servers = NonNullable<AgentTaskOptions['claw']>['mcp'];
const run = (text: string, mcp: Servers, options: AgentTaskOptions = {}) =>
  bench.run(text, { ...options, claw: { mcp: mcp ?? {}, ...options.claw } });

describe('an MCP server in the cage', () => {
  test('offers its tools under its own name, and gives text, pictures described, and errors', async () => {
    const { answer, of, stderr } = await run(
      [
        '@tool calc_add {"a":2,"b":3}',
        '@also calc_picture {}',
        '@also calc_fail {}',
        '@also calc_env {}',
        '@say {{tool_results}}',
      ].join('\n'),
      { calc: { command: STDIO, env: { GREETING: 'hello' } } },
    );
    expect(answer).toMatch(/5\s+\[image: image\/png, 5 bytes\]\s+Error: it went wrong\s+hello/);
    expect(
      of('tool_result')
        .map(({ ok }) => ok)
        .toSorted(),
    ).toEqual([false, true, true, true]);
    expect(stderr).toContain('the example server runs');
  });

  test('that does not start fails the task with its name', async () => {
    const { error } = await run('@say x', { nothere: { command: ['/no/such/program'], env: {} } });
    expect(error).toEqual({
      code: 'agent_failed',
      details: {
        server: 'nothere',
        reason: 'The MCP server nothere did not start: its command was not found.',
      },
    });
    const quits = await run('@say x', { quits: { command: ['/bin/true'], env: {} } });
    expect(quits.error).toMatchObject({ code: 'agent_failed', details: { server: 'quits' } });
  });

  test('that dies fails its tools, and the model is told', async () => {
    const { answer } = await run('@tool calc_die {}\n@tool calc_add {"a":1,"b":1}\n@say {{tool_results}}', {
      calc: { command: STDIO, env: {} },
    });
    expect(answer).toMatch(/The MCP server calc has ended[^]*The MCP server calc has ended/);
  });
});

describe('an MCP server over HTTP', () => {
  test('offers its tools too', async () => {
    await using server = await startMcpHttpServer();
    const { answer } = await run('@tool far_add {"a":20,"b":3}\n@say {{last_tool_result}}', {
      far: { url: server.url },
    });
    expect(answer).toBe('23');
  });

  test('is reached through the proxy, whose refusal is shown', async () => {
    await using server = await startMcpHttpServer();
    await using proxy = await startForwardProxy({ 'tools.test:80': Number(new URL(server.url).port) });
    const environment = { HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url };
    const { answer, error } = await run(
      '@tool far_add {"a":1,"b":3}\n@say {{last_tool_result}}',
      { far: { url: 'http://tools.test/mcp' } },
      { environment },
    );
    expect([answer, error]).toEqual(['4', undefined]);
    const refused = await run('@say x', { far: { url: 'https://unlisted.test/mcp' } }, { environment });
    expect(refused.error?.details?.['reason']).toContain('Add "unlisted.test:443" to it');
  });

  test('that cannot be reached is named', async () => {
    const { error } = await run('@say x', { far: { url: 'http://127.0.0.1:9/mcp' } });
    expect(error).toMatchObject({ code: 'agent_failed', details: { server: 'far' } });
  });
});
