import type { Runtime } from '#runtime/runtime.ts';
import { imageTags } from '../../ops/image-tags.ts';
import type { Config } from '../config.ts';
import type { Home } from '../home/home.ts';
import { engineOptions } from '../runtimes/docker/engine-address.ts';
import { DockerRuntime } from '../runtimes/docker/index.ts';
import { FakeRuntime } from '../runtimes/fake/index.ts';

export interface StartedRuntime {
  readonly runtime: Runtime;
  readonly cageImage: string;
  close(): Promise<void>;
}

/** The runtime that the configuration names, made ready. */
export async function startRuntime(config: Config, home: Home): Promise<StartedRuntime> {
  if (config.runtime === 'fake') return started(new FakeRuntime(), 'fake');
  const images = await imageTags();
  const runtime = new DockerRuntime({
    install: home.install,
    images,
    gatePublicKeyPem: home.capabilityKey.publicPem,
    gateAllowHosts: config.gateAllowHosts,
    // The first opening of PGlite keeps this process busy for seconds, more on a slow machine.
    timeouts: { gateHealthyMs: 45_000 },
    docker: engineOptions({ dockerHost: config.dockerHost }),
  });
  await runtime.prepare();
  return started(runtime, images.cage);
}

const started = (runtime: Runtime, cageImage: string): StartedRuntime => ({
  runtime,
  cageImage,
  close: () => runtime.close(),
});
