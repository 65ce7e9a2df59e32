import { expect, test } from 'vitest';
import { ToolNames } from '../../../cage-image/agent/mcp/tool-names.ts';

test('names of MCP tools fit the API, are unique, and do not depend on their order', () => {
  const names = new ToolNames(new Set(['shell', 'a_shell']));
  expect(names.of('git', 'status')).toBe('git_status');
  expect(names.of('git', 'log/show.all')).toBe('git_log_show_all');
  const clash = names.of('a', 'shell');
  const long = [
    names.of('s', 'x'.repeat(80)),
    names.of('s', `${'x'.repeat(80)}y`),
    names.of('git', 'log_show.all'),
  ];
  const all = [clash, ...long];
  expect(new Set([...all, 'a_shell', 'git_log_show_all']).size).toBe(all.length + 2);
  for (const name of all) expect(name).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
  expect(new ToolNames(new Set(['a_shell'])).of('a', 'shell')).toBe(clash);
});
