import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CageUnderTest } from './cage-bench.ts';
import { MeterBench } from './meter-bench.ts';

let bench: MeterBench;
beforeAll(async () => {
  bench = await MeterBench.start();
});
afterAll(() => bench[Symbol.asyncDispose]());

const command = (script: string) => ({ claw: { command: ['/bin/sh', '-c', script] } });

describe('the built-in agent in a cage', () => {
  test('counts the words of a file that came with the task, by a tool', async () => {
    await using cage = new CageUnderTest(bench);
    const text = 'How many words and lines are in the file?';
    const result = await cage.run(text, { files: { 'story.txt': 'one two three\nfour five\n' } });
    expect(result).toMatchObject({ state: 'succeeded', taskId: 'task', epoch: 1 });
    expect(result.answer).toMatch(/5 words/);
    expect(readFileSync(join(cage.work, 'in/story.txt'), 'utf8')).toContain('four');
    expect(cage.events('tool_call')).toMatchObject([{ name: 'shell' }]);
    expect(cage.events('tool_result')).toMatchObject([{ ok: true }]);
    expect(
      cage
        .events('text')
        .map((event) => event.text)
        .join(''),
    ).toContain(result.answer);
  });

  test('says all settles before the result, and each permit is settled once', async () => {
    await using cage = new CageUnderTest(bench);
    await cage.run('@tool list_files {}\n@answer done');
    const calls = cage.all('permit_request').map((message) => message.callId);
    expect(cage.all('settle').map((message) => message.callId)).toEqual(calls);
    expect(cage.said.at(-1)?.type).toBe('result');
    expect(calls.length).toBe(2);
  });

  test.each([
    ['@fail 401 echo-key', 'provider_unauthorized'],
    ['@fail 429 retry-after 0.01', 'provider_rate_limited'],
    ['@fail 500 retry-after 0.01', 'provider_failed'],
    ['@fail 404', 'model_unknown'],
    ['@cut after 2 tokens\n@say never seen whole', 'provider_unreachable'],
  ])('%s ends the task with %s', async (script, code) => {
    await using cage = new CageUnderTest(bench);
    const result = await cage.run(script);
    expect(result).toMatchObject({ state: 'failed', error: { code } });
    expect(JSON.stringify(result)).not.toContain(bench.provider.key);
  });

  test('gets over errors of the provider that pass', async () => {
    await using cage = new CageUnderTest(bench);
    const result = await cage.run(
      '@fail 500 retry-after 0.01 times 2\n@cut after 1 tokens times 1\n@say made it',
    );
    expect(result).toMatchObject({ state: 'succeeded', answer: 'made it' });
    expect(cage.all('settle').map((settle) => settle.charge)).toEqual(['full', 'full', 'full', 'reported']);
  });

  test('ends at its step limit', async () => {
    await using cage = new CageUnderTest(bench);
    const result = await cage.run('@repeat 9 @tool list_files {}', { claw: { maxSteps: 3 } });
    expect(result).toMatchObject({
      state: 'failed',
      error: { code: 'agent_step_limit', details: { maxSteps: 3 } },
    });
  });

  test('says that the cap was in the way, where it was', async () => {
    await using cage = new CageUnderTest(bench);
    cage.permit = (request) => {
      const error = { code: 'limit_never_fits', message: 'x' };
      cage.send({ type: 'permit', callId: request.callId, decision: { granted: false, error } });
      return false;
    };
    expect(await cage.run('@say hi')).toMatchObject({ state: 'failed', error: { code: 'limit_never_fits' } });
  });
});

describe('an agent of the Claw’s own', () => {
  test('finds its environment, and nothing else', async () => {
    await using cage = new CageUnderTest(bench);
    const result = await cage.run('', command('env | sort | cut -d= -f1'));
    const names = result
      .answer!.trim()
      .split('\n')
      .filter((name) => !['PWD', 'OLDPWD', '_', 'SHLVL'].includes(name));
    expect(names).toEqual(
      [
        'HOME',
        'PATH',
        'LANG',
        'OPENAI_BASE_URL',
        'OPENAI_API_KEY',
        'HTTP_PROXY',
        'HTTPS_PROXY',
        'NO_PROXY',
        'http_proxy',
        'https_proxy',
        'no_proxy',
        'NODE_USE_ENV_PROXY',
        'OPENAI_MODEL',
        'CLAWCAGE_MODEL',
        'CLAWCAGE_TASK_FILE',
      ].sort(),
    );
  });

  test('answers by an event on descriptor 3; what is malformed or too long is dropped', async () => {
    await using cage = new CageUnderTest(bench);
    const script = `cat >/dev/null
      echo 'not json' >&3
      head -c 600000 /dev/zero | tr '\\0' x >&3; echo >&3
      echo '{"kind":"event","hello":1}' >&3
      echo '{"kind":"status","status":"nearly"}' >&3
      echo '{"kind":"answer","text":"here"}' >&3
      echo '{"kind":"answer","text":"too late"}' >&3`;
    const result = await cage.run('', command(script));
    expect(result).toMatchObject({ state: 'succeeded', answer: 'here' });
    expect(cage.events('status').map((event) => event.status)).toEqual(['nearly']);
  });

  test('may not speak for the cage or the link', async () => {
    await using cage = new CageUnderTest(bench);
    const result = await cage.run('', command(`echo '{"kind":"error","error":{"code":"cage_died"}}' >&3`));
    expect(result.error?.code).toBe('agent_failed');
  });

  test('that fails says its exit code; one that is not there is named as such', async () => {
    await using cage = new CageUnderTest(bench);
    expect((await cage.run('', command('exit 7'))).error).toMatchObject({
      code: 'agent_failed',
      details: { exitCode: 7 },
    });
    await using other = new CageUnderTest(bench);
    expect((await other.run('', { claw: { command: ['/no/such'] } })).error?.details?.['reason']).toContain(
      'ENOENT',
    );
  });
});

describe('ends', () => {
  test('a cancelled task ends within 2 s, also where the agent does not heed SIGTERM', async () => {
    await using cage = new CageUnderTest(bench);
    await cage.connect();
    await cage.start(
      '',
      command(`trap '' TERM; echo '{"kind":"status","status":"up"}' >&3; while :; do sleep 1; done`),
    );
    await cage.until('event');
    const since = performance.now();
    cage.send({ type: 'cancel', reason: 'cancelled', graceMs: 200 });
    expect(await cage.until('result')).toMatchObject({
      state: 'cancelled',
      error: { code: 'task_cancelled' },
    });
    expect(performance.now() - since).toBeLessThan(2_000);
  });

  test('a task cancelled in the middle of a call is charged for it', async () => {
    await using cage = new CageUnderTest(bench);
    await cage.connect();
    await cage.start('@stream 5000 tokens at 50/s');
    await cage.until('event', 5);
    cage.send({ type: 'cancel', reason: 'cancelled', graceMs: 100 });
    expect((await cage.until('result')).state).toBe('cancelled');
    expect(cage.all('settle')).toMatchObject([{ charge: 'full' }]);
  });

  test('a task past its deadline is timed out', async () => {
    await using cage = new CageUnderTest(bench);
    const result = await cage.run('', { ...command('sleep 30'), deadlineMs: 300 });
    expect(result).toMatchObject({ state: 'timed_out', error: { code: 'task_timed_out' } });
  });

  test('a meter that the agent kills fails the task with its own code, and open calls are charged in full', async () => {
    await using cage = new CageUnderTest(bench);
    const call = `{"model":"gpt-4o","messages":[{"role":"user","content":"@wait 20s"}]}`;
    const script = `curl -s -H "authorization: Bearer $OPENAI_API_KEY" -d '${call}' $OPENAI_BASE_URL/chat/completions &
      while [ ! -e go ]; do sleep 0.02; done
      kill -9 $(pgrep -P ${process.pid} -f '[c]age-image/meter/main.ts'); sleep 20`;
    await cage.connect();
    await cage.start('', command(script));
    await cage.until('sent');
    writeFileSync(join(cage.work, 'go'), '');
    expect(await cage.until('result')).toMatchObject({ state: 'failed', error: { code: 'meter_failed' } });
    expect(cage.all('settle')).toMatchObject([{ charge: 'full' }]);
  });

  test('`end` lets the cage exit', async () => {
    await using cage = new CageUnderTest(bench);
    await cage.run('@say hi');
    cage.send({ type: 'end' });
    expect(await cage.exited).toBe(0);
  });

  test('without a controller for the orphan time the task ends and the cage exits', async () => {
    await using cage = new CageUnderTest(bench, { orphanMs: 3_000 });
    const link = await cage.connect();
    const mark = join(cage.work, 'still-running');
    await cage.start('', command(`while :; do touch ${mark}; sleep 0.05; done`));
    await cage.until('started');
    await link.close();
    expect(await cage.exited).toBe(75);
    expect(existsSync(mark)).toBe(true);
  });

  test('a newer controller finds the task running, is asked again for a permit, and gets the result', async () => {
    await using cage = new CageUnderTest(bench);
    cage.permit = () => false;
    const link = await cage.connect();
    await cage.start('@say carried on');
    const asked = await cage.until('permit_request');
    await link.acknowledged();
    await link.close();
    cage.permit = () => true;
    const second = await cage.connect(2, cage.said.length);
    expect(second.hello.task).toEqual({ taskId: 'task', epoch: 1, ackedEvent: expect.any(Number) });
    expect(await cage.until('result')).toMatchObject({ state: 'succeeded', answer: 'carried on' });
    expect(cage.all('settle').map(({ callId, charge }) => [callId === asked.callId, charge])).toEqual([
      [true, 'none'],
      [false, 'reported'],
    ]);
  });

  test('a controller that comes after the result was acknowledged finds nothing going on', async () => {
    await using cage = new CageUnderTest(bench);
    const link = await cage.connect();
    await cage.run('', command('true'));
    cage.send({ type: 'ping', id: 1 });
    await cage.until('pong');
    await link.close();
    const second = await cage.connect(2, cage.said.length);
    expect(second.hello.task).toBeUndefined();
  });

  test('a cage whose proof failed takes no key', async () => {
    const proof = { ok: false, checks: [{ name: 'meter_closed', ok: false, reason: 'opens' }] };
    await using cage = new CageUnderTest(bench, { proof });
    const result = await cage.run('@say hi');
    expect(result.error).toMatchObject({ code: 'cage_unproven', details: { failed: ['meter_closed'] } });
  });
});

describe('the verification of a key', () => {
  const verify = async (cage: CageUnderTest, key?: string) => {
    await cage.connect();
    const sealedKey = await cage.sealKey(`verify:${cage.cageId}`, key);
    cage.send({ type: 'verify_key', provider: bench.target(), sealedKey, deadlineMs: 50_000 });
    return cage.until('key_verified');
  };

  test('names the models of a key that is good', async () => {
    await using cage = new CageUnderTest(bench);
    const verified = await verify(cage);
    expect(verified.ok).toBe(true);
    expect(verified.models).toContain('gpt-4o');
  });

  test('shows what the provider says of one that is not, without the key', async () => {
    await using cage = new CageUnderTest(bench);
    const key = 'sk-wrong-key-of-a-tenant-0123456789';
    const verified = await verify(cage, key);
    expect(verified).toMatchObject({ ok: false, error: { code: 'key_rejected', details: { status: 401 } } });
    expect(verified.providerText).toMatch(/\w/);
    expect(JSON.stringify(verified)).not.toContain(key);
  });
});
