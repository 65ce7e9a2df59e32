import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CageUnderTest } from './cage-bench.ts';
import { MeterBench } from './meter-bench.ts';

const PULSE_MS = 200;
/** Three pulses and what the machine takes besides. */
const SOON_MS = 20_000;

let bench: MeterBench;
beforeAll(async () => {
  bench = await MeterBench.start();
});
afterAll(() => bench[Symbol.asyncDispose]());

const command = (script: string) => ({ claw: { command: ['/bin/sh', '-c', script] } });
const agentThat = (kind: string): string =>
  fileURLToPath(new URL(`stuck-agent/${kind}.mjs`, import.meta.url));

/** A child of this process, in which the warden is, whose command line has that text. */
function childWith(text: string): number | undefined {
  const isIt = (pid: string): boolean => {
    try {
      const [, rest = ''] = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ');
      const isOurs = Number(rest.split(' ')[1]) === process.pid;
      return isOurs && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
    } catch {
      return false;
    }
  };
  const found = readdirSync('/proc').find((name) => /^\d+$/.test(name) && isIt(name));
  return found === undefined ? undefined : Number(found);
}
const stopMeter = () => process.kill(childWith('cage-image/meter')!, 'SIGSTOP');

describe('what hangs is found after three pulses and ends with its own code:', () => {
  test('a meter that was stopped under a task', async () => {
    await using cage = new CageUnderTest(bench, { pulseMs: PULSE_MS });
    await cage.connect();
    await cage.start('', command('sleep 60'));
    await cage.until('started');
    stopMeter();
    const began = performance.now();
    expect(await cage.until('result')).toMatchObject({
      state: 'failed',
      error: { code: 'meter_unresponsive' },
    });
    expect(performance.now() - began).toBeGreaterThan(2 * PULSE_MS);
    expect(performance.now() - began).toBeLessThan(SOON_MS);
  });

  test('a meter that was stopped in a cage that waits for a task, which ends', async () => {
    await using cage = new CageUnderTest(bench, { pulseMs: PULSE_MS });
    await cage.connect();
    cage.send({ type: 'ping', id: 1 });
    await cage.until('pong');
    stopMeter();
    cage.send({ type: 'ping', id: 2 });
    expect(await cage.exited).toBe(70);
    expect(cage.all('pong').map(({ id }) => id)).toEqual([1]);
  });

  test('an own command that was stopped', async () => {
    await using cage = new CageUnderTest(bench, { pulseMs: PULSE_MS });
    expect(await cage.run('', command('kill -STOP $$; echo never'))).toMatchObject({
      state: 'failed',
      error: { code: 'agent_unresponsive', details: { reason: 'Its process was stopped.' } },
    });
  });

  test('a built-in agent that its own tool stopped', async () => {
    await using cage = new CageUnderTest(bench, { pulseMs: PULSE_MS });
    const result = await cage.run('@tool shell {"command":"kill -STOP $PPID; sleep 60"}\n@say never');
    expect(result).toMatchObject({ state: 'failed', error: { code: 'agent_unresponsive' } });
  });

  test('a built-in agent whose event loop hangs, with the tool that it was at', async () => {
    await using cage = new CageUnderTest(bench, { pulseMs: PULSE_MS, agentEntry: agentThat('hangs') });
    expect(await cage.run('a secret')).toMatchObject({
      state: 'failed',
      error: {
        code: 'agent_unresponsive',
        details: { reason: 'It answers no more pings.', tool: 'spreadsheet' },
      },
    });
    expect(JSON.stringify(cage.all('result'))).not.toContain('a secret');
  });

  test('a built-in agent that is busy for longer than its tool may take', async () => {
    await using cage = new CageUnderTest(bench, { pulseMs: PULSE_MS, agentEntry: agentThat('overdue') });
    expect(await cage.run('')).toMatchObject({
      state: 'failed',
      error: { code: 'agent_unresponsive', details: { tool: 'shell', limitMs: 1_000 } },
    });
  });
});

describe('what is only silent is left alone:', () => {
  test('a shell command, and then a model, of many pulses', async () => {
    await using cage = new CageUnderTest(bench, { pulseMs: PULSE_MS });
    const result = await cage.run(
      '@tool shell {"command":"sleep 1; echo slept"}\n@wait 1s\n@say {{last_tool_result}}',
    );
    expect(result).toMatchObject({ state: 'succeeded', answer: expect.stringContaining('slept') });
  });

  test('an own command that says nothing and reads nothing, not even a ping', async () => {
    await using cage = new CageUnderTest(bench, { pulseMs: PULSE_MS });
    const script = 'sleep 1; if read -r -t 0 line <&4; then echo "heard $line"; else echo quiet; fi';
    const result = await cage.run('', { claw: { command: ['/bin/bash', '-c', script] } });
    expect(result).toMatchObject({ state: 'succeeded', answer: 'quiet\n' });
  });

  test('a call of a function that the caller takes his time for', async () => {
    await using cage = new CageUnderTest(bench, { pulseMs: PULSE_MS });
    await cage.connect();
    const ask = { name: 'ask', description: '', parameters: { type: 'object' } };
    await cage.start('@tool ask {}\n@answer asked', { input: { functions: [ask], functionWaitMs: 20_000 } });
    const { callId } = await cage.until('function_call');
    await new Promise((resolve) => setTimeout(resolve, 6 * PULSE_MS));
    cage.send({ type: 'function_result', callId, ok: true, output: '42' });
    expect(await cage.until('result')).toMatchObject({ state: 'succeeded' });
  });
});

test('more calls than the link can keep fail the task, whose result still comes; the cage lives on', async () => {
  await using cage = new CageUnderTest(bench);
  const link = await cage.connect();
  const ask = { name: 'ask', description: '', parameters: { type: 'object' } };
  const said = `{"kind":"function_call","id":"a","name":"ask","arguments":"'"$long"'"}`;
  // Each call is over at once, so that ever more of them are made.
  const script = `long=$(head -c 500000 /dev/zero | tr '\\0' x); echo '${said}' >line
    while [ ! -e go ]; do sleep 0.02; done; while true; do cat line >&3; done`;
  await cage.start('', {
    claw: { command: ['/bin/bash', '-c', script] },
    input: { functions: [ask], functionWaitMs: 1 },
    deadlineMs: 120_000,
  });
  await cage.until('started');
  await link.close();
  writeFileSync(join(cage.work, 'go'), '');
  await expect.poll(() => childWith('function_call'), { timeout: 90_000 }).toBeUndefined();
  await cage.connect(2, cage.said.length);
  expect(await cage.until('result')).toMatchObject({ state: 'failed', error: { code: 'link_backlog' } });
  cage.send({ type: 'ping', id: 7 });
  await cage.until('pong');
}, 120_000);
