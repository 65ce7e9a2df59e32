import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { DEFAULT_RESOURCES, type Runtime } from '#runtime/runtime.ts';
import {
  cageName,
  cageOptions,
  gateName,
  LABEL_CAGE,
  LABEL_INSTALL,
} from '../../../orchestrator/runtimes/docker/spec.ts';
import { removeInstall, reportOf, testInstall } from '../../support/docker.ts';
import { freeze } from '../../support/freeze.ts';
import { type RuntimeHarness, runtimeContract } from './runtime.contract.ts';

runtimeContract('docker', async (): Promise<RuntimeHarness> => {
  const install = await testInstall();
  const { docker, image } = install;
  // Siblings make gates of the same options.
  const open = (): Runtime => install.runtime();
  const runtime = open();
  await runtime.prepare();
  const planted: string[] = [];
  const specOf = (cageId: string) => ({ cageId, image, resources: DEFAULT_RESOURCES });

  return {
    runtime,
    image,
    sibling: open,
    stranger: () => install.runtime({ install: `${install.id}-stranger` }),
    gone: () =>
      install.runtime({
        docker: { socketPath: join(tmpdir(), `no-engine-${randomBytes(4).toString('hex')}.sock`) },
      }),
    received: (cageId) => reportOf(runtime, cageId),
    async plantForeign(cageId, owner) {
      const { name, Image } = cageOptions(specOf(cageId), install.id);
      const labels =
        owner === undefined ? {} : { [LABEL_INSTALL]: `${install.id}-${owner}`, [LABEL_CAGE]: cageId };
      const container = await docker.createContainer({
        name: name!,
        Image: Image!,
        Labels: labels,
        OpenStdin: true,
      });
      planted.push(container.id);
      await container.start();
      return async () => (await container.inspect()).State;
    },
    async leaveUnstarted(cageId) {
      await docker.createContainer({ ...cageOptions(specOf(cageId), install.id) });
    },
    async bring(cageId, to) {
      const container = docker.getContainer(cageName(install.id, cageId));
      if (to === 'paused') return void (await container.pause());
      const { State } = await container.inspect();
      if (to === 'stopped') process.kill(State.Pid, 'SIGSTOP');
      else freeze(State.Pid);
    },
    async killGate() {
      // By the engine's own kill, which its restart policy leaves dead.
      await docker.getContainer(gateName(install.id)).kill();
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(planted.map((id) => docker.getContainer(id).remove({ force: true })));
      await removeInstall(docker, `${install.id}-stranger`);
      await install[Symbol.asyncDispose]();
    },
  };
});
