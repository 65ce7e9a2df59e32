import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CageUnderTest } from './cage-bench.ts';
import { MeterBench } from './meter-bench.ts';

let bench: MeterBench;
beforeAll(async () => {
  bench = await MeterBench.start();
});
afterAll(() => bench[Symbol.asyncDispose]());

const ASK = { name: 'ask', description: '', parameters: { type: 'object' } };
/** Calls `ask` by the shell's own means, and answers with what came back. */
const asking = (calls: string[], functionWaitMs = 20_000) => ({
  claw: {
    command: [
      '/bin/bash',
      '-c',
      `cat >/dev/null; ${calls.map((call) => `echo '${call}' >&3`).join('; ')}; ${calls.map(() => 'read -r line <&4; echo "$line"').join('; ')}`,
    ],
  },
  input: { functions: [ASK], functionWaitMs },
});
const call = (id: string, name = 'ask') =>
  JSON.stringify({ kind: 'function_call', id, name, arguments: '{"q":1}' });
const lines = (answer: string | undefined): unknown[] =>
  answer!
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

describe('a function of the caller, called by an agent', () => {
  test('waits for its result, which comes on descriptor 4', async () => {
    await using cage = new CageUnderTest(bench);
    await cage.connect();
    await cage.start('', asking([call('a'), call('b')]));
    const [first, second] = [await cage.until('function_call'), await cage.until('function_call', 2)];
    expect(first).toMatchObject({
      taskId: 'task',
      epoch: 1,
      name: 'ask',
      arguments: '{"q":1}',
      waitMs: 20_000,
    });
    cage.send({ type: 'function_result', callId: second.callId, ok: true, output: 'for b' });
    cage.send({ type: 'function_result', callId: second.callId, ok: true, output: 'again' });
    cage.send({ type: 'function_result', callId: 'unknown', ok: true, output: 'nobody' });
    cage.send({ type: 'function_result', callId: first.callId, ok: false, output: 'for a' });
    const result = await cage.until('result');
    expect(lines(result.answer)).toEqual([
      { kind: 'function_result', id: 'b', ok: true, output: 'for b' },
      { kind: 'function_result', id: 'a', ok: false, output: 'for a' },
    ]);
    expect(cage.all('function_call_over')).toEqual([]);
  });

  test('that nobody answers, or that is none of the task’s, fails for the agent', async () => {
    await using cage = new CageUnderTest(bench);
    const result = await cage.run('', asking([call('late'), call('other', 'unknown')], 3_000));
    expect(lines(result.answer)).toEqual([
      { kind: 'function_result', id: 'other', ok: false, output: 'The task has no function of that name.' },
      { kind: 'function_result', id: 'late', ok: false, output: 'Nobody answered in time.' },
    ]);
    const { callId } = await cage.until('function_call');
    expect(cage.all('function_call_over')).toMatchObject([{ callId }]);
  });

  test('is over when the agent ends without waiting for it', async () => {
    await using cage = new CageUnderTest(bench);
    const script = `echo '${call('a')}' >&3`;
    const result = await cage.run('', {
      claw: { command: ['/bin/sh', '-c', script] },
      input: { functions: [ASK] },
    });
    expect(result.state).toBe('succeeded');
    const types = cage.said.map(({ type }) => type);
    expect(types.indexOf('function_call_over')).toBeGreaterThan(types.indexOf('function_call'));
    expect(types.at(-1)).toBe('result');
  });

  test('is asked again of a newer controller, with the time that is left', async () => {
    await using cage = new CageUnderTest(bench);
    const first = await cage.connect();
    await cage.start('', asking([call('a')]));
    const asked = await cage.until('function_call');
    await first.close();
    await cage.connect(2, cage.said.length);
    const again = await cage.until('function_call', 2);
    expect(again).toMatchObject({ callId: asked.callId, arguments: asked.arguments });
    expect(again.waitMs).toBeLessThanOrEqual(20_000);
    cage.send({ type: 'function_result', callId: asked.callId, ok: true, output: 'from the second' });
    expect(lines((await cage.until('result')).answer)).toMatchObject([{ output: 'from the second' }]);
  });

  test('is called by the built-in agent where the model says so', async () => {
    await using cage = new CageUnderTest(bench);
    await cage.connect();
    await cage.start('@tool ask {"q":2}\n@answer asked', {
      input: { functions: [ASK], functionWaitMs: 20_000 },
    });
    const { callId, name, arguments: given } = await cage.until('function_call');
    expect([name, JSON.parse(given)]).toEqual(['ask', { q: 2 }]);
    cage.send({ type: 'function_result', callId, ok: true, output: '42' });
    expect(await cage.until('result')).toMatchObject({ state: 'succeeded' });
  });
});
