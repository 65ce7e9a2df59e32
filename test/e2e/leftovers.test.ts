import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LeftoversReply } from '#protocol/api.ts';
import { removeInstall } from '../support/docker.ts';
import type { TestProvider } from '../support/provider.ts';
import { scratchImage } from '../support/scratch-image.ts';
import { bridgedProvider, TestService, until } from '../support/service.ts';

const SHORT = { CLAWCAGE_GRACE_MS: '3000', CLAWCAGE_RECONCILE_MS: '250' };
const docker = new Docker();
const id = randomBytes(5).toString('hex');
/** Of the two services, nearly alike; and one that begins with the first, of which no service is here. */
const installs = [id, `${id.slice(0, 9)}${id.endsWith('z') ? 'y' : 'z'}`, `${id}0`] as const;
let provider: TestProvider;
/** Two real installations on one engine. */
let services: TestService[];

beforeAll(async () => {
  provider = await bridgedProvider();
  services = installs.slice(0, 2).map((install) => {
    const home = mkdtempSync(join(tmpdir(), 'clawcage-leftovers-'));
    writeFileSync(join(home, 'install-id'), install);
    return TestService.member(provider, home, SHORT);
  });
  await Promise.all(services.map((service) => service.up()));
  for (const service of services) await service.claw('worker');
});
afterAll(async () => {
  for (const service of services ?? []) service.signal('SIGCONT');
  await Promise.all((services ?? []).map((service) => service.down()));
  await provider?.close();
  for (const install of installs) await removeInstall(docker, install);
  for (const { home } of services ?? []) rmSync(home, { recursive: true, force: true });
});

const labelled = async (install: string) =>
  docker.listContainers({ all: true, filters: { label: [`clawcage.install=${install}`, 'clawcage.cage'] } });
const idsOf = async (install: string) => (await labelled(install)).map(({ Id }) => Id).toSorted();
const spareOf = async (install: string): Promise<string> => {
  let found: string[] = [];
  await until(async () => (found = await idsOf(install)).length === 1, 'the spare to be there alone');
  return found[0]!;
};
const leftoversOf = (service: TestService) => service.ask<LeftoversReply>('GET', '/api/v1/doctor/leftovers');

/** What crashes, or people, may leave: a cage that runs without a row, and a volume. */
async function plant(install: string): Promise<void> {
  const image = await scratchImage();
  const make = async (cage: string, Cmd: string[]): Promise<void> => {
    const container = await docker.createContainer({
      name: `clawcage-${install}-${cage}`,
      Image: image,
      Labels: { 'clawcage.install': install, 'clawcage.cage': cage },
      Entrypoint: ['/bin/node', '-e'],
      Cmd,
    });
    await container.start();
  };
  await make('cage_ghost', ['setInterval(() => {}, 1000)']);
  await docker.createVolume({ Name: `${install}-old`, Labels: { 'clawcage.install': install } });
}

const hasVolume = async (name: string): Promise<boolean> =>
  docker
    .getVolume(name)
    .inspect()
    .then(
      () => true,
      () => false,
    );

describe('what is left over on one engine', () => {
  it('goes after its grace, and only that of the installation itself', async () => {
    const [first, second] = services as [TestService, TestService];
    const spares = [await spareOf(installs[0]), await spareOf(installs[1])];
    const task = await second.submit(
      'worker',
      '@tool shell {"command":"sleep 6"}\n@say {{last_tool_result}}',
    );
    await until(async () => (await second.state(task)).state === 'running', 'the task to run');
    await until(async () => (await idsOf(installs[1])).length === 2, 'its next spare to be there');
    // While the second sleeps, only the first can remove anything.
    second.signal('SIGSTOP');
    const theirs = await idsOf(installs[1]);
    for (const install of installs.slice(1)) await plant(install);
    let told: LeftoversReply['leftovers'][number] | undefined;
    // They are told before their grace is over, which begins while they are made.
    const telling = until(async () => {
      told = (await leftoversOf(first)).leftovers.find(({ name }) => name === 'cage_ghost');
      return told !== undefined;
    }, 'a leftover to be told');
    await Promise.all([plant(installs[0]), telling]);
    expect(told).toMatchObject({ kind: 'container', action: 'remove' });
    expect(told!.dueInMs).toBeLessThanOrEqual(3000);
    await until(
      async () => (await idsOf(installs[0])).join() === spares[0] && !(await hasVolume(`${installs[0]}-old`)),
      'the leftovers of the first to be gone',
    );
    expect(await leftoversOf(first)).toEqual({ leftovers: [], more: 0, unseen: [] });
    expect(await idsOf(installs[1])).toEqual(expect.arrayContaining(theirs));
    expect(await idsOf(installs[1])).toHaveLength(theirs.length + 1);
    expect(await hasVolume(`${installs[1]}-old`)).toBe(true);
    expect(await idsOf(installs[2])).toHaveLength(1);
    expect(await hasVolume(`${installs[2]}-old`)).toBe(true);
    second.signal('SIGCONT');
    await until(
      async () => !(await hasVolume(`${installs[1]}-old`)),
      'the leftovers of the second to be gone as well',
    );
    expect((await second.result(task)).task).toMatchObject({ state: 'succeeded', epoch: 1 });
  });

  it('is nothing where a cage ended by itself: its container is removed within a second', async () => {
    const [install] = installs;
    const spare = await spareOf(install);
    const since = Math.floor(Date.now() / 1000) - 1;
    process.kill((await docker.getContainer(spare).inspect()).State.Pid, 'SIGKILL');
    await until(async () => !(await idsOf(install)).includes(spare), 'the spare to be removed', 5000);
    const filters = { event: ['die', 'destroy'], container: [spare] };
    const till = Math.ceil(Date.now() / 1000) + 1;
    const events = await text(await docker.getEvents({ since, until: till, filters }));
    const [died, destroyed] = events
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { timeNano: number }).timeNano / 1e6);
    expect(destroyed! - died!).toBeLessThan(1000);
  });
});
