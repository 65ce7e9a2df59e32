import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { Telemetry } from '../../../orchestrator/telemetry/telemetry.ts';

const lint = (page: string) => spawnSync('promtool', ['check', 'metrics'], { input: page, encoding: 'utf8' });

test('promtool has nothing to say about the page, with every metric on it', async () => {
  const telemetry = new Telemetry();
  const usage = { inputTokens: 1, cachedTokens: 1, outputTokens: 1, reasoningTokens: 1, totalTokens: 2 };
  telemetry.callSettled({ claw: 'a', model: 'm', usage, source: 'reported' });
  telemetry.windowRead(
    'a',
    { tokensPerMinute: 1, requestsPerMinute: 1 },
    { requests: 1, tokens: 1, waiting: 1 },
  );
  telemetry.sharedWindowsRead([
    { level: 'key', id: 'k', caps: { tokensPerMinute: 1, requestsPerMinute: 1 }, requests: 1, tokens: 1 },
  ]);
  telemetry.taskEnded({ claw: 'a', state: 'failed' });
  const { status, stdout, stderr } = lint(await telemetry.metrics());
  expect({ status, said: stdout + stderr }).toEqual({ status: 0, said: '' });
});

test('and it would say something', () => {
  expect(lint('# TYPE badName_total gauge\nbadName_total 1\n').status).not.toBe(0);
});
