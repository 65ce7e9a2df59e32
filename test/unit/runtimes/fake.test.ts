import { describe, expect, test } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { DEFAULT_RESOURCES } from '#runtime/runtime.ts';
import { FakeEngine } from '../../../orchestrator/runtimes/fake/engine.ts';
import { FakeRuntime } from '../../../orchestrator/runtimes/fake/index.ts';

const spec = { cageId: 'c1', image: 'any', resources: DEFAULT_RESOURCES };
const bootstrap = Buffer.from('{}');

describe('planned faults', () => {
  test('one that strikes when asked leaves nothing done, and the next call is untouched', async () => {
    const runtime = new FakeRuntime();
    runtime.faults.next('create', { at: 'asked', code: 'runtime_unavailable' });
    await expect(runtime.create(spec, bootstrap)).rejects.toMatchObject({ code: 'runtime_unavailable' });
    expect(await runtime.list()).toEqual([]);
    expect(await runtime.create(spec, bootstrap)).toMatchObject({ created: true });
  });

  test.each(['made', 'started'] as const)(
    'one that strikes when the cage is %s removes it again',
    async (at) => {
      const runtime = new FakeRuntime();
      runtime.faults.next('create', { at, code: 'cage_start_failed' });
      await expect(runtime.create(spec, bootstrap)).rejects.toMatchObject({ code: 'cage_start_failed' });
      expect(await runtime.list()).toEqual([]);
    },
  );

  test('a lost answer leaves all done', async () => {
    const runtime = new FakeRuntime();
    runtime.faults.next('create', { at: 'done', code: 'runtime_timeout' });
    await expect(runtime.create(spec, bootstrap)).rejects.toMatchObject({
      code: 'runtime_timeout',
      verdict: 'unknown',
    });
    expect(await runtime.create(spec, bootstrap)).toMatchObject({
      created: false,
      cage: { state: 'running' },
    });
  });

  test('several strike in their order', async () => {
    const runtime = new FakeRuntime();
    runtime.faults.next(
      'list',
      { at: 'asked', code: 'runtime_unavailable' },
      { at: 'asked', code: 'runtime_timeout' },
    );
    await expect(runtime.list()).rejects.toMatchObject({ code: 'runtime_unavailable' });
    await expect(runtime.list()).rejects.toMatchObject({ code: 'runtime_timeout' });
    expect(await runtime.list()).toEqual([]);
  });

  test('a delay ends with the abort', async () => {
    const runtime = new FakeRuntime();
    runtime.faults.next('create', { at: 'made', delayMs: 60_000 });
    const given = new AbortController();
    const creating = runtime.create(spec, bootstrap, given.signal);
    given.abort(new CodedError('task_cancelled'));
    await expect(creating).rejects.toMatchObject({ code: 'task_cancelled' });
    expect(await runtime.list()).toEqual([]);
  });
});

describe('a cage body', () => {
  test('gets cage and bootstrap, and its code is the exit code', async () => {
    const got: unknown[] = [];
    const body = async (cageId: string, bytes: Uint8Array) => (
      got.push(cageId, Buffer.from(bytes).toString()),
      3
    );
    const runtime = new FakeRuntime({ body });
    await runtime.create(spec, Buffer.from('hello'));
    await expect.poll(() => runtime.inspect('c1')).toMatchObject({ state: 'exited', exitCode: 3 });
    expect(got).toEqual(['c1', 'hello']);
  });

  test('that throws exits with code 1', async () => {
    const runtime = new FakeRuntime({ body: () => Promise.reject(new Error('broken')) });
    await runtime.create(spec, bootstrap);
    await expect.poll(() => runtime.inspect('c1')).toMatchObject({ state: 'exited', exitCode: 1 });
  });

  test('is told when its cage is destroyed', async () => {
    let told: AbortSignal | undefined;
    const runtime = new FakeRuntime({
      body: (_cageId, _bytes, signal) => ((told = signal), new Promise<number>(() => undefined)),
    });
    await runtime.create(spec, bootstrap);
    await runtime.destroy('c1');
    expect(told?.aborted).toBe(true);
  });
});

test('an engine that goes away fails every call, and its cages run on', async () => {
  const engine = new FakeEngine();
  const runtime = new FakeRuntime({ engine });
  await runtime.create(spec, bootstrap);
  engine.away = true;
  await expect(runtime.list()).rejects.toMatchObject({ code: 'runtime_unavailable' });
  engine.away = false;
  expect(await new FakeRuntime({ engine }).inspect('c1')).toMatchObject({ state: 'running' });
});

test('the gate is where the options say, and the facts follow from it', async () => {
  const gate = { controller: { host: '127.0.0.1', port: 1 }, cage: { socket: '/run/gate/gate.sock' } };
  const runtime = new FakeRuntime({ gate });
  await runtime.prepare();
  expect(runtime.gate()).toEqual(gate);
  expect(runtime.facts.gateOverTcp).toBe(false);
  expect(new FakeRuntime().facts.gateOverTcp).toBe(true);
});
