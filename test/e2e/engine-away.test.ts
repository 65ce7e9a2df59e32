import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EngineProxy } from '../support/engine-proxy.ts';
import { TestService } from '../support/service.ts';

const AWAY_MS = 4000;

let proxy: EngineProxy;
let service: TestService;
beforeAll(async () => {
  proxy = await new EngineProxy().up();
  service = await TestService.start({
    DOCKER_HOST: `unix://${proxy.socketPath}`,
    CLAWCAGE_RECONCILE_MS: '400',
    CLAWCAGE_WARM_SPARES: '0',
  });
  // Nothing is forgiven: an attempt that counted would be the last.
  await service.claw('worker', { concurrency: 10, retry: { attempts: 1 } });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
});

it('a task that is accepted while the engine is away waits for it, says so, and succeeds when it is back; one that cannot wait so long times out', async () => {
  await proxy.down();
  const ids = await Promise.all(['@say one', '@say two'].map((text) => service.submit('worker', text)));
  const late = await service.submit('worker', {
    text: '@say late',
    deadline: new Date(Date.now() + AWAY_MS).toISOString(),
  });
  for (const id of ids)
    await service.until(async () => {
      const { state, waiting } = await service.state(id);
      return state === 'queued' && waiting === 'the container engine does not answer';
    }, 'the reason why it waits');
  await service.until(async () => (await service.state(late)).state === 'timed_out', 'the deadline', 20_000);
  // As long as the outage lasts, many rounds look at them again.
  await pause(AWAY_MS);
  for (const id of ids) expect(await service.state(id)).toMatchObject({ state: 'queued' });
  await proxy.up();
  for (const id of ids) expect((await service.result(id)).task).toMatchObject({ state: 'succeeded' });
});

it('a task that is accepted while the disk of the engine is full waits for room, says so, and succeeds when there is some', async () => {
  let id: string;
  {
    using _full = proxy.refuse(
      /^POST \/(v[\d.]+\/)?containers\/create/,
      'mkdir /var/lib/docker/overlay2/4b08e455-init: no space left on device',
    );
    id = await service.submit('worker', '@say one');
    const reasons = async () => {
      const { state, waiting } = await service.state(id);
      return state === 'queued' && waiting === 'the container engine has no space left';
    };
    await service.until(reasons, 'the reason why it waits');
  }
  expect((await service.result(id)).task).toMatchObject({ state: 'succeeded' });
});
