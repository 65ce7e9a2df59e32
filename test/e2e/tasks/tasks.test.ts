import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FunctionCall, OutputFile, ResultReply } from '#protocol/api.ts';
import { containerOf, napping, wake } from '../../support/nap.ts';
import { TestService } from '../../support/service.ts';
import { gifOf, pngOf } from '../../support/images-in.ts';
import { TaskWatcher } from '../../support/watch-task.ts';

let service: TestService;
beforeAll(async () => {
  service = await TestService.start({ CLAWCAGE_RECONCILE_MS: '400' });
  await service.claw('worker', { retry: { attempts: 3, backoffMs: 300 } });
  await service.claw('one', { concurrency: 1 });
});
afterAll(() => service[Symbol.asyncDispose]());

const weather = {
  name: 'weather',
  description: 'The weather of a place.',
  parameters: { type: 'object', properties: { place: { type: 'string' } } },
};
const soon = (ms: number) => new Date(Date.now() + ms).toISOString();
const running = (task: string) =>
  service.until(async () => (await service.state(task)).state === 'running', 'the task to run');
const callsOf = async (task: string) =>
  (await service.ask<{ items: FunctionCall[] }>('GET', `/api/v1/tasks/${task}/calls`)).items;
const refused = async (task: object) => {
  const { status, body } = await service.call<{ error: { code: string; details: unknown } }>(
    'POST',
    '/api/v1/claws/worker/tasks',
    { text: '@say no', ...task },
  );
  return { status, ...body.error };
};

describe('images', () => {
  it('lie in /work/in under a name of their own type, beside the files', async () => {
    const { answer } = await service.run('worker', {
      text: '@tool shell {"command":"ls /work/in; head -c 6 /work/in/anim"}\n@say {{last_tool_result}}',
      files: [{ name: 'image-1.png', data: Buffer.from('text').toString('base64') }],
      images: [
        { data: `data:image/jpeg;base64,${pngOf().toString('base64')}` },
        { name: 'anim', data: gifOf().toString('base64') },
      ],
    });
    for (const part of ['image-1.png', 'image-1-2.png', 'anim', 'GIF89a']) expect(answer).toContain(part);
  });

  it('that are none are refused by index and reason', async () => {
    const images = [{ data: pngOf().toString('base64') }, { data: 'bm90IGFuIGltYWdl' }];
    expect(await refused({ images })).toMatchObject({
      status: 422,
      code: 'image_invalid',
      details: { index: 1 },
    });
  });
});

describe('what cannot be right', () => {
  it('is refused with its field', async () => {
    const fieldOf = async (task: object) =>
      ((await refused(task)).details as { fields: { field: string }[] }).fields.map(({ field }) => field);
    expect(await fieldOf({ delayMs: 5, notBefore: soon(1000) })).toEqual(['delayMs']);
    expect(await fieldOf({ deadline: soon(-1000) })).toEqual(['deadline']);
    expect(await fieldOf({ answer: { type: 'json_schema', schema: { type: 'strange' } } })).toEqual([
      'answer.schema',
    ]);
    expect(await fieldOf({ functions: [weather, weather, { ...weather, name: 'shell' }] })).toEqual([
      'functions.1.name',
      'functions.2.name',
    ]);
  });
});

describe('time and rank', () => {
  it('the highest priority goes first, of equals the oldest', async () => {
    const first = await service.submit('one', `${napping('true')}\n@say first`);
    await running(first);
    const order: string[] = [];
    for (const [text, priority] of [
      ['low', -5],
      ['middle', 0],
      ['middle too', 0],
      ['high', 7],
    ] as const)
      order.push(await service.submit('one', { text: `@say ${text}`, priority }));
    await wake(service, first);
    const ended = await Promise.all(order.map((task) => service.result(task)));
    const byEnd = ended.toSorted((a, b) => (a.task.startedAt! < b.task.startedAt! ? -1 : 1));
    expect(byEnd.map(({ answer }) => answer)).toEqual(['high', 'middle', 'middle too', 'low']);
  });

  it('a task with a time is not begun before it, also across a restart', async () => {
    const notBefore = soon(6000);
    const task = await service.submit('worker', { text: '@say now', notBefore });
    const other = await service.submit('worker', { text: '@say later', delayMs: 1000 });
    expect(await service.state(task)).toMatchObject({ state: 'queued', waiting: `not before ${notBefore}` });
    expect((await service.result(other)).answer).toBe('later');
    await service.down('SIGKILL');
    await service.up();
    const { task: ended } = await service.result(task);
    expect(ended.state).toBe('succeeded');
    expect(ended.startedAt! >= notBefore).toBe(true);
  });

  it('a deadline ends a task that waits, and one that runs', async () => {
    await service.ask('POST', '/api/v1/claws/one/stop');
    const deadline = soon(5000);
    const waits = await service.submit('one', { text: '@say never', deadline });
    const runs = await service.submit('worker', { text: '@wait 60s\n@say never', deadline });
    const expected = { state: 'timed_out', error: { code: 'task_timed_out', details: { deadline } } };
    for (const task of [waits, runs])
      expect((await service.result(task, 15_000)).task).toMatchObject(expected);
    await service.ask('POST', '/api/v1/claws/one/deploy');
  });
});

describe('a failed attempt', () => {
  const killCage = async (task: string) => (await containerOf(service, task)).remove({ force: true });

  it('before the agent acted is followed by another, and the watchers see why', async () => {
    const task = await service.submit('worker', '@wait 8s\n@say done');
    using watcher = await TaskWatcher.open(service, task);
    await running(task);
    await killCage(task);
    expect((await service.result(task)).task).toMatchObject({ state: 'succeeded', epoch: 2 });
    const reasons = watcher.events.map((event) => (event.kind === 'state' ? event.task.waiting : null));
    expect(reasons).toContain('retry 2 of 3: cage_died');
  });

  it('after the agent acted is the last, but for a Claw that allows it', async () => {
    const text = '@tool shell {"command":"echo acted"}\n@wait 8s\n@say done';
    const acted = async () => {
      const task = await service.submit('worker', text);
      using watcher = await TaskWatcher.open(service, task);
      await service.until(
        async () => watcher.events.some(({ kind }) => kind === 'tool_result'),
        'the tool to have run',
      );
      await killCage(task);
      return (await service.result(task)).task;
    };
    expect(await acted()).toMatchObject({ state: 'failed', epoch: 1, error: { code: 'cage_died' } });
    await service.ask('PATCH', '/api/v1/claws/worker', { retry: { attempts: 2, idempotent: true } });
    expect(await acted()).toMatchObject({ state: 'succeeded', epoch: 2 });
  });
});

describe("a caller's function", () => {
  const text = '@tool weather {"place":"Rome"}\n@say It is {{last_tool_result}}';
  const answerTo = (task: string, call: string, output: string) =>
    service.call<{ error?: { code: string } }>('POST', `/api/v1/tasks/${task}/calls/${call}`, { output });

  it('is called, waits, and is answered once', async () => {
    const task = await service.submit('worker', { text, functions: [weather] });
    using watcher = await TaskWatcher.open(service, task);
    const call = await watcher.call();
    expect(JSON.parse(call.arguments)).toEqual({ place: 'Rome' });
    await service.until(
      async () => (await service.state(task)).waiting === "a function's result",
      'its reason',
    );
    expect(await callsOf(task)).toEqual([call]);
    expect((await answerTo(task, 'call_none', 'x')).status).toBe(404);
    expect((await answerTo(task, call.id, 'sunny')).status).toBe(200);
    const second = await answerTo(task, call.id, 'raining');
    expect([second.status, second.body.error?.code]).toEqual([409, 'function_call_answered']);
    expect((await service.result(task)).answer).toContain('It is sunny');
    expect((await answerTo(task, call.id, 'late')).status).toBe(409);
  });

  it('is answered over the WebSocket too', async () => {
    const task = await service.submit('worker', { text, functions: [weather] });
    using watcher = await TaskWatcher.open(service, task);
    const { id: call } = await watcher.call();
    watcher.send({ type: 'function_result', task, call, output: 'cloudy' });
    expect(await watcher.other('function_result_taken')).toMatchObject({ task, call });
    expect((await service.result(task)).answer).toContain('It is cloudy');
  });

  it('that waits when the service is killed is there again after the start, and its answer arrives once', async () => {
    const task = await service.submit('worker', { text, functions: [weather] });
    await service.until(async () => (await callsOf(task)).length === 1, 'the call');
    const [before] = await callsOf(task);
    await service.down('SIGKILL');
    await service.up();
    await service.until(async () => (await callsOf(task)).length === 1, 'the call again');
    const [call] = await callsOf(task);
    expect([call!.id, call!.arguments]).toEqual([before!.id, before!.arguments]);
    expect((await answerTo(task, call!.id, 'windy')).status).toBe(200);
    const { task: ended, answer } = await service.result(task);
    expect(ended).toMatchObject({ state: 'succeeded', epoch: 1 });
    expect(answer).toContain('It is windy');
  });
});

describe('files in /work/out', () => {
  it('come back as files of the result, byte for byte, to be saved and not shown', async () => {
    const { task, files } = await service.run(
      'worker',
      '@tool shell {"command":"mkdir -p /work/out/sub && head -c 500000 /dev/zero | tr \'\\\\0\' x > /work/out/big.txt && echo hello > \'/work/out/sub/a b.html\'"}\n@say done',
    );
    expect(files).toEqual([
      { path: 'big.txt', bytes: 500_000 },
      { path: 'sub/a b.html', bytes: 6 },
    ] satisfies OutputFile[]);
    const fetched = async (path: string) =>
      fetch(`${service.url}/api/v1/tasks/${task.id}/files/${path}`, {
        headers: { authorization: `Bearer ${service.token}` },
      });
    expect(await (await fetched('big.txt')).text()).toBe('x'.repeat(500_000));
    const page = await fetched('sub/a%20b.html');
    expect(await page.text()).toBe('hello\n');
    expect(page.headers.get('content-type')).toBe('application/octet-stream');
    expect(page.headers.get('content-disposition')).toContain('attachment; filename="a b.html"');
    expect(page.headers.get('x-content-type-options')).toBe('nosniff');
    for (const path of ['none', '..%2f..%2fetc%2fpasswd', 'sub'])
      expect((await fetched(path)).status).toBe(404);
  });
});

describe('a change of the model', () => {
  it('is for the next task; one that runs keeps the old; an unknown one fails with what the provider says', async () => {
    const before = service.chatCalls().length;
    const modelsSince = () =>
      service
        .chatCalls()
        .slice(before)
        .map(({ model }) => model);
    const task = await service.submit('worker', '@tool shell {"command":"sleep 1"}\n@say old');
    await service.until(async () => modelsSince().length > 0, 'its first call');
    await service.ask('PATCH', '/api/v1/claws/worker', { model: 'gpt-4o-mini' });
    await service.result(task);
    await service.run('worker', '@say new');
    expect(modelsSince()).toEqual(['gpt-4o', 'gpt-4o', 'gpt-4o-mini']);
    await service.ask('PATCH', '/api/v1/claws/worker', { model: 'gpt-none' });
    const { task: failed }: ResultReply = await service.run('worker', '@say never');
    expect(failed).toMatchObject({ state: 'failed', epoch: 1, error: { code: 'model_unknown' } });
    expect(JSON.stringify(failed.error!.details)).toContain('gpt-none');
  });
});

describe("a provider's host", () => {
  it('is on no egress list', async () => {
    const { status, body } = await service.call<{ error: { code: string } }>(
      'PATCH',
      '/api/v1/claws/worker',
      { egress: ['example.com', 'HOST.docker.internal:8443'] },
    );
    expect([status, body.error.code]).toEqual([422, 'egress_provider_host']);
  });
});
