import { setTimeout as pause } from 'node:timers/promises';
import Docker from 'dockerode';
import type { StatusReply } from '#protocol/api.ts';
import type { TestService } from './service.ts';

const SLEEP = 'sleep 100';

/** A call of the shell that takes as long as its test wants: until `wake`. */
export const napping = (then: string): string => `@tool shell {"command":"${SLEEP}; ${then}"}`;

/** Ends the nap of a task that runs; where it has not begun yet it is waited for. */
export async function wake(service: TestService, task: string): Promise<void> {
  process.kill(await asleep(service, task), 'SIGTERM');
}

/** The process of the nap of a task that runs, as soon as it has begun. */
export async function asleep(service: TestService, task: string): Promise<number> {
  return processOf(await containerOf(service, task), SLEEP);
}

/** The container of a task that runs. */
export async function containerOf(service: TestService, task: string): Promise<Docker.Container> {
  const { cages } = await service.ask<StatusReply>('GET', '/api/v1/status');
  const { cageId } = cages.find((cage) => cage.task === task)!;
  return new Docker().getContainer(`clawcage-${service.install}-${cageId}`);
}

/** The process of a container that was begun with exactly that command line, as soon as it is there. */
export async function processOf(container: Docker.Container, commandLine: string): Promise<number> {
  for (;;) {
    const { Processes } = (await container.top({ ps_args: '-eo pid,args' } as object)) as {
      Processes: [string, ...string[]][];
    };
    const found = Processes.find(([, ...args]) => args.join(' ') === commandLine);
    if (found) return Number(found[0]);
    await pause(25);
  }
}
