import Docker from 'dockerode';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ResultReply, TaskCreate, TaskReply, TaskView } from '#protocol/api.ts';
import { EngineProxy } from '../support/engine-proxy.ts';
import { containerOf, processOf } from '../support/nap.ts';
import { TestService } from '../support/service.ts';
import { TaskWatcher } from '../support/watch-task.ts';

const PROMISED_MS = 2000;
/** An agent that takes so long to end when it is asked to. */
const SLOW_MS = 3000;
const SLOW_AGENT = {
  command: ['bash', '-c', `trap "sleep ${SLOW_MS / 1000}; exit 0" TERM; sleep 60 & wait`],
};
const CREATE = /^POST \/(v[\d.]+\/)?containers\/create/;

const docker = new Docker();
let proxy: EngineProxy;
let service: TestService;
beforeAll(async () => {
  proxy = await new EngineProxy().up();
  service = await TestService.start({
    DOCKER_HOST: `unix://${proxy.socketPath}`,
    CLAWCAGE_RECONCILE_MS: '400',
    CLAWCAGE_WARM_SPARES: '0',
  });
  await service.claw('worker', { concurrency: 10, retry: { attempts: 2, backoffMs: 60_000 } });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
});

const is = (task: string, wanted: (view: TaskView) => boolean, what: string) =>
  service.until(async () => wanted(await service.state(task)), what, 60_000);
const running = (task: string) => is(task, ({ state }) => state === 'running', 'the task to run');
const cancel = (task: string) => service.call<TaskReply>('POST', `/api/v1/tasks/${task}/cancel`);
const final = (task: string) => is(task, ({ endedAt }) => endedAt !== null, `the end of ${task}`);

/** The trap of a slow agent is set before its sleep begins. */
async function trapped(task: string): Promise<void> {
  await running(task);
  await processOf(await containerOf(service, task), 'sleep 60');
}

/** Cancels a task; how long it took to end, which is the same for everybody. */
async function cancelled(task: string): Promise<number> {
  using watcher = await TaskWatcher.open(service, task);
  const began = performance.now();
  expect((await cancel(task)).status).toBe(200);
  await final(task);
  const ms = performance.now() - began;
  expect(await sameForAll(task, watcher)).toBe('cancelled');
  return ms;
}

/** The state in which a task ended, by its row, its result, and the last event of whoever watched. */
async function sameForAll(task: string, watcher: TaskWatcher): Promise<TaskView['state']> {
  const { state, error } = await service.state(task);
  const result = await service.ask<ResultReply>('GET', `/api/v1/tasks/${task}/result`);
  await service.until(async () => watcher.events.some(({ kind }) => kind === 'ended'), 'the last event');
  const ended = watcher.events.filter((event) => event.kind === 'ended');
  expect(ended).toHaveLength(1);
  expect([result.task.state, ended[0]!.task.state]).toEqual([state, state]);
  expect([result.task.error?.code, ended[0]!.task.error?.code]).toEqual([error?.code, error?.code]);
  expect(result.answer === null).toBe(state !== 'succeeded');
  return state;
}

const submit = (claw: string, text: string, more: Partial<TaskCreate> = {}) =>
  service.submit(claw, { text, ...more });

describe('a cancel ends a task within two seconds', () => {
  it('that waits: for its turn, for its time, for its Claw', async () => {
    await service.claw('stopped', { deploy: false });
    await service.claw('single', { concurrency: 1 });
    const ahead = await submit('single', '@wait 60s\n@say no');
    await running(ahead);
    for (const task of [
      await submit('single', '@say no'),
      await submit('worker', '@say no', { delayMs: 3600_000 }),
      await submit('stopped', '@say no'),
    ])
      expect(await cancelled(task)).toBeLessThan(PROMISED_MS);
    expect(await cancelled(ahead)).toBeLessThan(PROMISED_MS);
  });

  it('that starts, while the engine does not answer', async () => {
    proxy.breakNext(CREATE, 'swallow');
    const task = await submit('worker', '@say no');
    await is(task, ({ state }) => state === 'starting', 'its start');
    expect(await cancelled(task)).toBeLessThan(PROMISED_MS);
  });

  it('that starts, while its link cannot come up', async () => {
    const gate = docker.getContainer(`clawcage-gate-${service.install}`);
    await gate.pause();
    try {
      const task = await submit('worker', '@say no');
      await is(task, ({ state }) => state === 'starting', 'its start');
      expect(await cancelled(task)).toBeLessThan(PROMISED_MS);
    } finally {
      await gate.unpause();
    }
  });

  it('that runs: asks a model, does not heed SIGTERM, waits for a permit, waits for a function', async () => {
    await service.claw('capped', { requestsPerMinute: 1 });
    const fn = { name: 'ask', parameters: { type: 'object', properties: {} } };
    const tasks = {
      model: await submit('worker', '@wait 60s\n@say no'),
      deaf: await submit(
        'worker',
        '@tool shell {"command":"trap \'\' TERM; sleep 60 & wait; wait"}\n@say no',
      ),
      permit: await submit('capped', '@tool shell {"command":"true"}\n@say no'),
      function: await submit('worker', '@tool ask {}\n@say no', { functions: [fn] }),
    };
    await Promise.all(Object.values(tasks).map(running));
    await is(tasks.permit, ({ waiting }) => waiting === 'permit: claw requests', 'a permit to be waited for');
    await is(tasks.function, ({ waiting }) => waiting !== null, 'a function to be waited for');
    for (const [what, task] of Object.entries(tasks))
      expect(await cancelled(task), what).toBeLessThan(PROMISED_MS);
  });

  it('that waits for another attempt', async () => {
    const task = await submit('worker', '@wait 60s\n@say no');
    await running(task);
    await (await containerOf(service, task)).remove({ force: true });
    await is(task, ({ state, epoch }) => state === 'queued' && epoch === 1, 'its way back');
    expect(await cancelled(task)).toBeLessThan(PROMISED_MS);
  });

  it('once: a second time changes nothing, and afterwards there is nothing to cancel', async () => {
    await service.claw('slow', { agent: SLOW_AGENT, cancelGraceMs: 10_000 });
    const task = await submit('slow', 'x');
    await trapped(task);
    const both = await Promise.all([cancel(task), cancel(task)]);
    expect(both.map(({ status }) => status)).toEqual([200, 200]);
    await final(task);
    const { status, body } = await service.call<{ error: { code: string } }>(
      'POST',
      `/api/v1/tasks/${task}/cancel`,
    );
    expect([status, body.error.code]).toEqual([409, 'task_final']);
  });
});

describe('a cancel that crosses a result', () => {
  it('loses or wins, and everybody sees the same', async () => {
    await service.claw('racer', { concurrency: 4, reuse: 'claw' });
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, async (_, at) => {
        const task = await submit(
          'racer',
          '@tool shell {"command":"head -c 3000000 /dev/urandom > /work/out/a"}\n@say done',
        );
        using watcher = await TaskWatcher.open(service, task);
        await is(task, ({ startedAt }) => startedAt !== null, 'its start');
        await pause(at * 60);
        await cancel(task);
        await final(task);
        const state = await sameForAll(task, watcher);
        await pause(300);
        expect((await service.state(task)).state).toBe(state);
        return state;
      }),
    );
    for (const state of outcomes) expect(['succeeded', 'cancelled']).toContain(state);
  });
});

describe('the time that a cancelled agent has', () => {
  it("is its Claw's `cancelGraceMs`: what it does with it is its own", async () => {
    await service.claw('patient', { agent: SLOW_AGENT, cancelGraceMs: 10_000 });
    await service.claw('strict', { agent: SLOW_AGENT, cancelGraceMs: 0 });
    const [patient, strict] = [await submit('patient', 'x'), await submit('strict', 'x')];
    await Promise.all([patient, strict].map(trapped));
    expect(await cancelled(strict)).toBeLessThan(PROMISED_MS);
    const ms = await cancelled(patient);
    expect(ms).toBeGreaterThan(SLOW_MS - 100);
    expect(ms).toBeLessThan(SLOW_MS + 4400);
  });
});

describe('a time that is over', () => {
  it.each([
    ['waiting', { deploy: false, timeouts: { waitingMs: 1000 } }],
    ['starting', { timeouts: { startingMs: 1000 } }],
    ['running', { timeoutMs: 1000 }],
  ])('of %s ends the task and says so', async (phase, settings) => {
    await service.claw(`late-${phase}`, settings);
    if (phase === 'starting') proxy.breakNext(CREATE, 'swallow');
    const task = await submit(`late-${phase}`, '@wait 60s\n@say no');
    await final(task);
    expect(await service.state(task)).toMatchObject({
      state: 'timed_out',
      error: { code: 'task_timed_out', details: { phase, limitMs: 1000 } },
    });
  });
});

describe('a queue that is full', () => {
  it('takes no more, and no part of a batch, until there is room', async () => {
    await service.claw('small', { deploy: false, maxQueued: 2 });
    const [first] = [await submit('small', '@say one'), await submit('small', '@say two')];
    const refused = { code: 'queue_full', details: { level: 'claw', limit: 2, queued: 2 } };
    const { status, body } = await service.call('POST', '/api/v1/claws/small/tasks', { text: 'x' });
    expect({ status, body }).toMatchObject({ status: 429, body: { error: refused } });
    await cancelled(first);
    // A burst of refusals counts once: the room that was made is seen a moment later.
    await service.until(async () => {
      const batch = await service.call<{ error: { code: string; details: { queued: number } } }>(
        'POST',
        '/api/v1/claws/small/batches',
        '{"text":"a"}\n{"text":"b"}',
        { 'content-type': 'application/x-ndjson' },
      );
      expect(batch).toMatchObject({ status: 429, body: { error: { code: 'queue_full' } } });
      return batch.body.error.details.queued === 1;
    }, 'the room to be seen');
    expect(await submit('small', '@say three')).toMatch(/^task_/);
  });
});
