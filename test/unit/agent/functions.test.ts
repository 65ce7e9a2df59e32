import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { FunctionDesk } from '../../../cage-image/agent/functions/function-desk.ts';
import { functionTools } from '../../../cage-image/agent/functions/function-tools.ts';
import type { AgentReport } from '../../../cage-image/agent/report.ts';
import { WardenLines } from '../../../cage-image/agent/warden-lines.ts';

const setUp = () => {
  const told: Extract<AgentReport, { kind: 'function_call' }>[] = [];
  const answers = new PassThrough();
  const desk = new FunctionDesk((report) => {
    if (report.kind === 'function_call') told.push(report);
  }, new WardenLines(answers));
  const answer = (id: string | undefined, output: string, ok = true) =>
    answers.write(`${JSON.stringify({ kind: 'function_result', id, ok, output })}\n`);
  return { desk, told, answers, answer };
};

describe('calls of functions', () => {
  test('get each its own result, in whatever order these come', async () => {
    const { desk, told, answer } = setUp();
    const calls = [desk.call('f', '{"n":1}'), desk.call('f', '{"n":2}')];
    answer('another', 'not mine');
    answer(told[1]?.id, 'two', false);
    answer(told[0]?.id, 'one');
    answer(told[0]?.id, 'one again');
    expect(await Promise.all(calls)).toEqual([
      { ok: true, output: 'one' },
      { ok: false, output: 'two' },
    ]);
  });

  test('pass over lines that are no results', async () => {
    const { desk, told, answers, answer } = setUp();
    const call = desk.call('f', '');
    answers.write('nonsense\n{"kind":"other"}\n');
    answer(told[0]?.id, 'yes');
    expect(await call).toEqual({ ok: true, output: 'yes' });
    expect(told[0]?.arguments).toBe('{}');
  });

  test('do not wait for answers that can no longer come', async () => {
    const { desk, answers } = setUp();
    const call = desk.call('f', '{}');
    answers.end();
    expect(await call).toMatchObject({ ok: false });
    expect(await desk.call('f', '{}')).toMatchObject({ ok: false });
  });

  test('are not made with arguments that are no object, or too long', async () => {
    const { desk, told } = setUp();
    const [tool] = functionTools(
      { functions: [{ name: 'f', description: '', parameters: {} }], functionWaitMs: 1 },
      desk,
      100,
    );
    expect(await tool?.call('{"half":')).toMatchObject({ ok: false });
    expect(await tool?.call('[1]')).toMatchObject({ ok: false });
    expect(await tool?.call(JSON.stringify({ long: 'x'.repeat(500_000) }))).toMatchObject({ ok: false });
    expect(told).toEqual([]);
  });
});
