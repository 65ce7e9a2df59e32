import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freeze } from '../support/freeze.ts';
import { TestService } from '../support/service.ts';

const docker = new Docker();
/** Three of them are longer than a busy machine lets anybody wait for a processor. */
const PULSE_MS = 1500;

let service: TestService;
beforeAll(async () => {
  service = await TestService.start({
    CLAWCAGE_PULSE_MS: String(PULSE_MS),
    CLAWCAGE_RECONCILE_MS: '1000',
  });
  await service.claw('worker', { retry: { attempts: 1 }, concurrency: 8 });
});
afterAll(() => service[Symbol.asyncDispose]());

interface StatusCage {
  readonly cageId: string;
  readonly state: string;
  readonly task: string | null;
}
const container = (cageId: string) => docker.getContainer(`clawcage-${service.install}-${cageId}`);
const statusCages = async (): Promise<StatusCage[]> =>
  (await service.ask<{ cages: StatusCage[] }>('GET', '/api/v1/status')).cages;
const containers = async (): Promise<string[]> => {
  const filters = { label: [`clawcage.install=${service.install}`, 'clawcage.cage'] };
  return (await docker.listContainers({ all: true, filters })).map(({ Id }) => Id);
};

/** Stops the process of the cage whose command line has that text. */
async function stop(cage: Docker.Container, program: string): Promise<void> {
  const { Processes } = (await cage.top({ ps_args: '-eo pid,args' } as object)) as {
    Processes: [string, ...string[]][];
  };
  // PID 1 names the warden, too.
  const found = Processes.find(
    ([, ...args]) => !args.join(' ').includes('/tini') && args.join(' ').includes(`${program}.mjs`),
  )!;
  process.kill(Number(found[0]), 'SIGSTOP');
}

const FAULTS: Record<string, (cage: Docker.Container) => Promise<unknown>> = {
  meter_unresponsive: (cage) => stop(cage, 'meter'),
  agent_unresponsive: (cage) => stop(cage, 'agent'),
  warden_unresponsive: (cage) => stop(cage, 'warden'),
  cage_paused: (cage) => cage.pause(),
  cage_frozen: async (cage) => freeze((await cage.inspect()).State.Pid),
};

async function running(command: string): Promise<{ id: string; cage: Docker.Container }> {
  const id = await service.submit(
    'worker',
    `@tool shell {"command":"${command}"}\n@say {{last_tool_result}}`,
  );
  await service.until(async () => (await service.state(id)).state === 'running', `${id} to run`);
  const cage = (await statusCages()).find(({ task }) => task === id)!;
  return { id, cage: container(cage.cageId) };
}

describe('a running task', () => {
  it('whose cage hangs is found soon and ends with a code that says what hung; its container goes, and who is only silent is left alone', async () => {
    const codes = Object.keys(FAULTS);
    const silent = await running('sleep 12; echo slept');
    const hanging = await Promise.all(codes.map(() => running('sleep 600')));
    // The agent's own process is there a moment after the task is said to run.
    await Promise.all(
      codes.map((code, at) =>
        service.until(
          () =>
            FAULTS[code]!(hanging[at]!.cage).then(
              () => true,
              () => false,
            ),
          code,
        ),
      ),
    );
    const results = await Promise.all(hanging.map(({ id }) => service.result(id)));
    expect(results.map(({ task }) => task.error)).toEqual(
      codes.map((code) => expect.objectContaining({ code }) as object),
    );
    expect((await service.result(silent.id)).task).toMatchObject({ state: 'succeeded', epoch: 1 });
    await service.until(async () => (await containers()).length === 1, 'all cages but the spare to be gone');
  });

  it('is not given to a spare that hangs: it starts cold, and the spare goes', async () => {
    let spare!: StatusCage;
    await service.until(async () => {
      const found = (await statusCages()).find(({ state }) => state === 'warm');
      return found !== undefined && (spare = found) === found;
    }, 'a spare that is ready');
    await stop(container(spare.cageId), 'meter');
    const { task } = await service.run('worker', '@say here');
    expect(task).toMatchObject({ state: 'succeeded', epoch: 1 });
    await service.until(
      async () => !(await statusCages()).some(({ cageId }) => cageId === spare.cageId),
      'its end',
    );
  });
});

describe('a spare that hangs', () => {
  it('is found without any task, and replaced', async () => {
    const spareOf = async () => (await statusCages()).find(({ task }) => task === null);
    await service.until(async () => (await spareOf()) !== undefined, 'a spare');
    const spare = (await spareOf())!;
    await service.until(
      () =>
        stop(container(spare.cageId), 'warden').then(
          () => true,
          () => false,
        ),
      'its warden to stop',
    );
    await service.until(async () => {
      const now = await spareOf();
      return now !== undefined && now.cageId !== spare.cageId;
    }, 'another spare');
  });
});

describe('a cage whose gate hangs', () => {
  const gateNow = async () => docker.getContainer(`clawcage-gate-${service.install}`).inspect();

  it('is not ended for it; the gate is replaced, and what waited goes on', { timeout: 120_000 }, async () => {
    const { id } = await running('sleep 8; echo slept');
    const before = await gateNow();
    const { Processes } = (await docker.getContainer(before.Id).top({ ps_args: '-eo pid' })) as {
      Processes: string[][];
    };
    for (const [pid] of Processes) process.kill(Number(pid), 'SIGSTOP');
    const waiting = await service.submit('worker', '@say through another gate');
    await service.until(
      async () => (await gateNow().catch(() => before)).Id !== before.Id,
      'another gate',
      60_000,
    );
    const results = [await service.result(id), await service.result(waiting)];
    expect(results.map(({ task }) => task)).toMatchObject([
      { state: 'succeeded', epoch: 1 },
      { state: 'succeeded' },
    ]);
  });
});
