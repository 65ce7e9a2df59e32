import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OtherRelease } from '../support/other-release.ts';
import { TestOrchestrators } from '../support/orchestrators.ts';
import { until } from '../support/service.ts';

let all: TestOrchestrators;
let later: OtherRelease;
beforeAll(async () => {
  later = await OtherRelease.make();
  all = await TestOrchestrators.start(1);
  await all.at(0).claw('worker', { concurrency: 6, retry: { attempts: 1 } });
});
afterAll(async () => {
  await all[Symbol.asyncDispose]();
  later[Symbol.dispose]();
});

const nap = (seconds: number): string =>
  `@tool shell {"command":"sleep ${seconds}; echo survived"}\n@say {{last_tool_result}}`;

async function running(at: number, seconds: number): Promise<string> {
  const task = await all.at(at).submit('worker', nap(seconds));
  await until(async () => (await all.at(at).state(task)).state === 'running', `${task} to run`);
  return task;
}

/** Done by its first attempt, with two model calls, as the answers of `at` say. */
async function wentOn(task: string, at: number): Promise<void> {
  const { task: ended, answer, usage } = await all.at(at).result(task);
  expect(ended).toMatchObject({ state: 'succeeded', epoch: 1 });
  expect(answer).toContain('survived');
  expect(usage.requests).toBe(2);
}

describe('a release and the one after it, on one database, Redis and home', () => {
  it('the later one brings the tables up to date beside the earlier one, adopts its cages, and is gone again without a trace', async () => {
    const adopted = await running(0, 4);
    all.release(1, later.tree);
    await all.up(1);
    const began = performance.now();
    expect(await all.down(0)).toBe(0);
    expect(performance.now() - began).toBeLessThan(10_000);
    await wentOn(adopted, 1);
    // And back: a cage of the later release under the earlier one, on tables that it does not know.
    const handedBack = await running(1, 4);
    await all.up(0);
    expect(await all.down(1)).toBe(0);
    await wentOn(handedBack, 0);
    const names = await all.rows<{ name: string }>('select name from kysely_migration order by name');
    expect(names.at(-1)?.name).toBe('0099-mood');
  });

  it('follow each other one by one under load: every task is done once', async () => {
    const callsBefore = all.at(0).chatCalls().length;
    const tasks: string[] = [];
    let rolling = true;
    const present = () => all.present[0]!;
    /** One that waits for each of its tasks before it sends the next, and asks another where one does not answer. */
    const client = async (): Promise<void> => {
      while (rolling) {
        const id = await present()
          .submit('worker', '@tool shell {"command":"sleep 0.5"}\n@say done')
          .catch(() => undefined);
        if (id === undefined) continue;
        tasks.push(id);
        const hasEnded = () =>
          present()
            .state(id)
            .then(({ endedAt }) => endedAt !== null)
            .catch(() => false);
        await until(hasEnded, `the end of ${id}`, 60_000);
      }
    };
    const clients = [client(), client(), client()];
    await all.up(1);
    await all.down(0);
    all.release(0, later.tree);
    await all.up(0);
    rolling = false;
    await Promise.all(clients);
    const results = await Promise.all(tasks.map((task) => all.at(0).result(task)));
    expect(results.filter(({ task }) => task.state !== 'succeeded')).toEqual([]);
    expect(tasks.length).toBeGreaterThan(3);
    const calls = all.at(0).chatCalls().length - callsBefore;
    const attempts = results.reduce((sum, { task }) => sum + task.epoch, 0);
    expect(calls).toBeLessThanOrEqual(2 * attempts);
  });
});
