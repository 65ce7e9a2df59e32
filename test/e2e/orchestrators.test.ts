import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { asleep, napping, wake } from '../support/nap.ts';
import { TestOrchestrators } from '../support/orchestrators.ts';
import { until } from '../support/service.ts';

const docker = new Docker();
const ALL = [0, 1, 2];
const NAP = `${napping('echo survived')}\n@say {{last_tool_result}}`;
/** A pause of a busy machine is no lost lease, and one that is lost is taken over before a cage gives up. */
const LEASE_MS = 5000;
const ORPHAN_MS = 20_000;
/** What a kill left of a cage that was just being made goes after `CLAWCAGE_GRACE_MS` and a round. */
const LEFT_MS = 90_000;

let all: TestOrchestrators;
beforeAll(async () => {
  all = await TestOrchestrators.start(3, {
    CLAWCAGE_LEASE_MS: String(LEASE_MS),
    CLAWCAGE_ORPHAN_MS: String(ORPHAN_MS),
  });
  await all.at(0).claw('worker', { retry: { attempts: 1 }, concurrency: 6 });
});
afterAll(() => all[Symbol.asyncDispose]());

/** Which of the three has the task's attempt. */
async function holderOf(task: string): Promise<number> {
  const [row] = await all.rows<{ pid: number }>(
    'select o.pid from tasks t join orchestrators o on o.id = t.holder where t.id = $1',
    [task],
  );
  return ALL.findIndex((at) => all.at(at).isUp && all.at(at).pid === row?.pid);
}

const holderName = async (task: string): Promise<string | null> =>
  (await all.rows<{ holder: string | null }>('select holder from tasks where id = $1', [task]))[0]!.holder;

async function containerOf(task: string): Promise<string> {
  const [cage] = await all.rows<{ id: string }>('select id from cages where task_id = $1', [task]);
  const found = await docker.listContainers({ filters: { label: [`clawcage.cage=${cage!.id}`] } });
  return found[0]!.Id;
}

/** A task that runs, and where. */
async function running(script = NAP) {
  const task = await all.at(0).submit('worker', script);
  await until(async () => (await all.at(0).state(task)).state === 'running', `${task} to run`);
  return { task, holder: await holderOf(task), container: await containerOf(task) };
}

const another = (than: number): number => ALL.find((at) => at !== than && all.at(at).isUp)!;

/** It went on in its container, once, under somebody else. */
async function wentOn({ task, holder, container }: Awaited<ReturnType<typeof running>>): Promise<void> {
  const witness = all.at(another(holder));
  await until(async () => (await witness.state(task)).endedAt !== null, `the end of ${task}`);
  const { task: ended, answer, usage } = await witness.result(task);
  expect(ended).toMatchObject({ state: 'succeeded', epoch: 1 });
  expect(answer).toContain('survived');
  expect(usage.requests).toBe(2);
  await until(
    async () => !(await docker.listContainers({ all: true })).some(({ Id }) => Id === container),
    'its container to be gone',
  );
}

describe('three orchestrators on one database', () => {
  it('share the tasks, each of which is done once', async () => {
    const before = all.at(0).chatCalls().length;
    const tasks = await Promise.all(
      Array.from({ length: 9 }, (_, at) => all.at(at % 3).submit('worker', `@say ${at}`)),
    );
    const results = await Promise.all(tasks.map((task, at) => all.at((at + 1) % 3).result(task)));
    expect(results.map(({ answer }) => answer)).toEqual(tasks.map((_, at) => String(at)));
    expect(all.at(0).chatCalls().length - before).toBe(9);
    const holders = await all.rows<{ holder: string }>('select distinct holder from tasks');
    expect(holders.length).toBeGreaterThan(1);
  });

  it('end a running task within two seconds, whichever of them is asked to', async () => {
    const { task, holder } = await running('@tool shell {"command":"sleep 60"}');
    const began = performance.now();
    await all.at(another(holder)).ask('POST', `/api/v1/tasks/${task}/cancel`);
    await until(async () => (await all.at(holder).state(task)).state === 'cancelled', 'its end');
    expect(performance.now() - began).toBeLessThan(2500);
  });

  it('take over what one of them had when it is killed, at once, in the same container', async () => {
    const it = await running();
    await all.kill(it.holder);
    const began = performance.now();
    const name = await holderName(it.task);
    await until(async () => (await holderName(it.task)) !== name, 'another holder');
    // No lease is waited for: it was of this machine.
    expect(performance.now() - began).toBeLessThan(LEASE_MS);
    await wake(all.at(another(it.holder)), it.task);
    await wentOn(it);
    await all.up(it.holder);
  });

  it('take over what one had that sleeps past its lease; when it wakes up it ends nothing and begins anew under another name', async () => {
    const it = await running();
    const name = await holderName(it.task);
    all.stop(it.holder);
    await until(async () => (await holderName(it.task)) !== name, 'another holder');
    all.cont(it.holder);
    await wake(all.at(another(it.holder)), it.task);
    await wentOn(it);
    await until(async () => {
      const rows = await all.rows<{ pid: number }>("select pid from orchestrators where state = 'live'");
      return rows.some(({ pid }) => pid === all.at(it.holder).pid);
    }, 'the sleeper to be back');
    expect((await all.at(it.holder).run('worker', '@say awake')).answer).toBe('awake');
  });

  it('leave a call to the one that takes over, where the limiter knows that one before the cage does', async () => {
    const it = await running();
    const redis = all.redis.connect();
    // Its first call is over: the one that is left comes after the nap.
    await asleep(all.at(it.holder), it.task);
    const [fence] = (await redis.keys(`*:fence:${it.task}`)) as [string];
    // As the next controller says it, whose way to the cage is long.
    await redis.incr(fence);
    const monitor = await redis.monitor();
    const asked = new Promise<void>((resolve) =>
      monitor.on('monitor', (_time, [name, ...args]: string[]) => {
        if (name?.toLowerCase() === 'evalsha' && args.includes(fence)) resolve();
      }),
    );
    await wake(all.at(it.holder), it.task);
    await asked;
    monitor.disconnect();
    // Redis' answer has come before this one has gone.
    for (let nth = 0; nth < 3; nth += 1)
      expect((await all.at(it.holder).state(it.task)).state).toBe('running');
    await all.kill(it.holder);
    await wentOn(it);
    await all.up(it.holder);
  });

  it('take over what one had that was stopped in order, within ten seconds', async () => {
    const it = await running();
    const began = performance.now();
    expect(await all.down(it.holder)).toBe(0);
    expect(performance.now() - began).toBeLessThan(10_000);
    await wake(all.at(another(it.holder)), it.task);
    await wentOn(it);
    await all.up(it.holder);
  });

  it('dispatch again what Redis has lost', async () => {
    await all.at(0).ask('PATCH', '/api/v1/claws/worker', { concurrency: 1 });
    const tasks = await Promise.all(ALL.map((at) => all.at(at).submit('worker', '@say done')));
    await all.redis.connect().flushall();
    for (const task of tasks) expect((await all.at(0).result(task)).answer).toBe('done');
    await all.at(0).ask('PATCH', '/api/v1/claws/worker', { concurrency: 6 });
    const times = await all.rows<{ started: Date; ended: Date }>(
      'select started_at as started, ended_at as ended from tasks where id = any($1) order by started_at',
      [tasks],
    );
    for (const [at, { started }] of times.entries())
      expect(started.getTime() - (times[at - 1]?.ended ?? started).getTime()).toBeLessThan(15_000);
  });

  it('say of a task that was without any of them for too long that it was orphaned', async () => {
    const { task, container } = await running('@tool shell {"command":"sleep 600"}');
    await Promise.all(ALL.map((at) => all.kill(at)));
    await until(
      async () => (await docker.getContainer(container).inspect()).State.Status === 'exited',
      'the cage to give up',
      ORPHAN_MS + 30_000,
    );
    await all.up(1);
    const { task: ended } = await all.at(1).result(task);
    expect(ended).toMatchObject({ state: 'failed', error: { code: 'task_orphaned' }, epoch: 1 });
  });

  it('leave nothing behind but a spare', async () => {
    const { install } = all.at(1);
    const filters = { label: [`clawcage.install=${install}`, 'clawcage.cage'] };
    await until(
      async () => (await docker.listContainers({ all: true, filters })).length <= 1,
      'the cages to be gone',
      LEFT_MS,
    );
  });
});
