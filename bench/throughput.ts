import { parseArgs } from 'node:util';
import Docker from 'dockerode';
import { imageTags } from '../ops/image-tags.ts';
import { TestService } from '../test/support/service.ts';
import { median, report } from './report.ts';

/**
 * Short tasks (one model call each) a second through the whole service, with a cage for each task and with cages that are kept, against the bare life of a
 * container of the same image (create, start, end, remove), as many at once. `node bench/throughput.ts [--tasks 40] [--at-once 4]`
 */
const { values } = parseArgs({
  options: { tasks: { type: 'string', default: '40' }, 'at-once': { type: 'string', default: '4' } },
  strict: false,
});
const tasks = Number(values.tasks);
const atOnce = Number(values['at-once']);
const docker = new Docker();

await using service = await TestService.start();
for (const reuse of ['task', 'claw'] as const)
  await service.claw(`by-${reuse}`, { reuse, concurrency: atOnce, agent: { tools: [] } });

const rates = { bare: [] as number[], task: [] as number[], claw: [] as number[] };
for (let round = 0; round <= 3; round++) {
  const bare = await perSecond(bareLife);
  const task = await tasksPerSecond('by-task');
  const claw = await tasksPerSecond('by-claw');
  if (round === 0) continue;
  rates.bare.push(bare);
  rates.task.push(task);
  rates.claw.push(claw);
}
const peer = { name: 'bare containers', value: median(rates.bare) };
report([
  { what: `tasks a second, a cage each, ${atOnce} at once`, ours: median(rates.task), unit: '/s', peer },
  { what: `tasks a second, cages kept, ${atOnce} at once`, ours: median(rates.claw), unit: '/s', peer },
]);

async function perSecond(one: () => Promise<void>): Promise<number> {
  const began = performance.now();
  let left = tasks;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (left-- > 0) await one();
    }),
  );
  return (tasks * 1000) / (performance.now() - began);
}

/** All are handed in at once, as a batch would be; the last one's end counts. */
async function tasksPerSecond(claw: string): Promise<number> {
  const began = performance.now();
  const ids = await Promise.all(Array.from({ length: tasks }, () => service.submit(claw, '@say ok')));
  for (const id of ids) {
    const { task } = await service.result(id, 120_000);
    if (task.state !== 'succeeded') throw new Error(`${id} ended as ${task.state}.`);
  }
  return (tasks * 1000) / (performance.now() - began);
}

async function bareLife(): Promise<void> {
  const container = await docker.createContainer({
    Image: imageTags().cage,
    Entrypoint: ['/bin/true'],
    Labels: { 'clawcage.install': service.install },
    HostConfig: { NetworkMode: 'none' },
  });
  await container.start();
  await container.wait();
  await container.remove({ force: true });
}
