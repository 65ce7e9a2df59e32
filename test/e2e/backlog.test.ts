import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TaskView } from '#protocol/api.ts';
import { TestOrchestrators } from '../support/orchestrators.ts';

const MANY = 10_000;
const STEPS = 8;

let all: TestOrchestrators;
beforeAll(async () => {
  // A lease that is not over during the test: who sleeps is not taken over.
  all = await TestOrchestrators.start(2, { CLAWCAGE_LEASE_MS: '60000' });
  await all.at(0).claw('busy', { concurrency: 1 });
  await all.at(0).claw('other', { concurrency: 2 });
});
afterAll(() => all[Symbol.asyncDispose]());

const running = (task: string) =>
  all.at(0).until(async () => (await all.at(0).state(task)).state === 'running', 'the task to run', 60_000);

/** How long a task of so many model calls takes from its first event to its end. */
async function paceMs(): Promise<number> {
  const steps = Array.from({ length: STEPS }, () => '@tool shell {"command":"true"}').join('\n');
  const { task } = await all.at(0).run('other', `${steps}\n@say done`);
  expect(task.state).toBe('succeeded');
  return Date.parse(task.endedAt!) - Date.parse(task.startedAt!);
}

async function metric(at: number, name: string): Promise<number> {
  const text = await (await fetch(`${all.at(at).url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)![1]);
}

const residentMiB = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;

describe('ten thousand tasks that wait', () => {
  it('do not slow what runs, fill the queue of jobs, or take memory; one more is not accepted', async () => {
    const ahead = await all.at(0).submit('busy', '@wait 120s\n@say no');
    await running(ahead);
    const beforeMs = await paceMs();
    const before = all.present.map(({ pid }) => residentMiB(pid));
    await all.rows(
      `insert into tasks (id, organisation_id, claw_id, sealed_input, timeout_ms, created_at)
       select 'task_zz' || lpad(n::text, 8, '0'), organisation_id, id, '\\x00', 1000, now()
       from claws, generate_series(1, ${MANY}) as n where name = 'busy'`,
    );
    const [afterMs] = [await paceMs(), await paceMs()].toSorted((a, b) => a - b);
    expect(afterMs).toBeLessThan(2 * beforeMs + 500);
    expect(await metric(0, 'clawcage_queue_depth')).toBeLessThan(50);
    const grown = all.present.map(({ pid }, at) => residentMiB(pid) - before[at]!);
    for (const mebibytes of grown) expect(mebibytes).toBeLessThan(100);
    const one = await all
      .at(1)
      .call<{ error: object }>('POST', '/api/v1/claws/busy/tasks', { text: 'too many' });
    expect(one.status).toBe(429);
    expect(one.body.error).toMatchObject({ code: 'queue_full', details: { level: 'claw', limit: MANY } });
    // They are taken, one by one, as soon as there is a place.
    const queued = async () =>
      (
        await all.rows<{ count: number }>(`select count(*)::int as count from tasks where state = 'queued'`)
      )[0]!.count;
    await all.at(0).call('POST', `/api/v1/tasks/${ahead}/cancel`);
    await all.at(0).until(async () => (await queued()) < MANY, 'the first of them to begin', 30_000);
  });
});

describe('a task whose orchestrator sleeps', () => {
  it('is cancelled by another within two seconds, and its cage goes when the sleeper wakes', async () => {
    const task = await all.at(0).submit('other', '@wait 120s\n@say no');
    await running(task);
    const [row] = await all.rows<{ pid: number }>(
      `select pid from orchestrators join tasks on holder = orchestrators.id where tasks.id = $1`,
      [task],
    );
    const sleeper = [0, 1].find((at) => all.at(at).pid === row!.pid)!;
    const awake = all.at(1 - sleeper);
    all.stop(sleeper);
    try {
      const began = performance.now();
      await awake.ask('POST', `/api/v1/tasks/${task}/cancel`);
      await awake.until(async () => (await awake.state(task)).endedAt !== null, 'its end');
      expect(performance.now() - began).toBeLessThan(2000);
    } finally {
      all.cont(sleeper);
    }
    const cages = async () => all.rows(`select id from cages where task_id = $1`, [task]);
    await awake.until(async () => (await cages()).length === 0, 'the end of its cage');
    expect((await awake.state(task)) satisfies TaskView).toMatchObject({ state: 'cancelled' });
  });
});
