import type Docker from 'dockerode';
import { CodedError } from '#errors/coded-error.ts';
import type { EngineLeftover } from '#runtime/runtime.ts';
import type { Engine } from './engine.ts';
import { engineStatus, toRuntimeError } from './errors.ts';
import { LABEL_OVERLAY } from './overlay/overlay-spec.ts';
import { removeUnlessRunning } from './remove.ts';
import { gateName, gateVolume, LABEL_CAGE, LABEL_GATE, LABEL_INSTALL } from './spec.ts';

/** Laying ours over an image takes ten minutes at most, in whichever orchestrator of the installation. */
const HELPER_PATIENCE_MS = 15 * 60_000;

/** See `Runtime.leftovers`. The engine compares whole labels: `a` is not found by who asks for `ab`. */
export async function engineLeftovers(
  engine: Engine,
  install: string,
  signal?: AbortSignal,
): Promise<EngineLeftover[]> {
  const label = [`${LABEL_INSTALL}=${install}`];
  const unused = { label, dangling: ['true'] };
  return engine.ask('leftovers', signal, async (docker, abortSignal) => {
    const containers = await docker.listContainers({ all: true, filters: { label }, abortSignal });
    const { Volumes: volumes } = await docker.listVolumes({ filters: unused, abortSignal });
    const networks = await docker.listNetworks({ filters: unused, abortSignal } as object);
    const images = await docker.listImages({ filters: unused, abortSignal } as object);
    if (![containers, networks, images].every(Array.isArray))
      throw new CodedError('runtime_answer_invalid', { what: 'leftovers' });
    return [
      ...containers.flatMap((container) => containerLeft(container, install)),
      ...(volumes ?? [])
        .filter(({ Name }) => Name !== gateVolume(install))
        .map(({ Name }) => left('volume', Name, Name, 'no container uses it')),
      ...networks.map(({ Id, Name }) => left('network', Id, Name, 'no container is in it')),
      ...images.map(({ Id }) => left('image', Id, Id.slice(0, 19), 'it has no name any more')),
    ];
  });
}

/** See `Runtime.discard`. Nothing is forced: what is used, or runs, is refused by the engine itself. */
export async function discardLeftover(
  engine: Engine,
  { kind, id }: EngineLeftover,
  signal?: AbortSignal,
): Promise<boolean> {
  if (kind === 'container') return removeUnlessRunning(engine, id, signal);
  return engine.act(`remove ${kind}`, signal, async (docker, abortSignal) => {
    try {
      await removal(docker, kind, id)({ abortSignal });
      return true;
    } catch (error) {
      const status = engineStatus(error);
      if (status === 404) return true;
      // 403: a network with endpoints in it.
      if (status === 409 || status === 403) return false;
      throw toRuntimeError(error, { what: `remove ${kind}` });
    }
  });
}

function removal(docker: Docker, kind: 'volume' | 'network' | 'image', id: string) {
  if (kind === 'volume') return (options: object) => docker.getVolume(id).remove(options);
  if (kind === 'network') return (options: object) => docker.getNetwork(id).remove(options);
  return (options: object) => docker.getImage(id).remove(options);
}

/** Cages are not told here, nor what was started by hand from an image of ours: that bears its labels too, but was not made to be never started. */
function containerLeft(
  { Id, Names, Labels, State }: Docker.ContainerInfo,
  install: string,
): EngineLeftover[] {
  const name = Names[0]?.slice(1) ?? Id.slice(0, 12);
  if (LABEL_CAGE in Labels || State === 'running') return [];
  if (LABEL_GATE in Labels)
    return name === gateName(install) ? [] : [left('container', Id, name, 'another gate has its place')];
  if (LABEL_OVERLAY in Labels && State === 'created')
    return [
      {
        ...left('container', Id, name, 'laying ours over an image was interrupted'),
        patienceMs: HELPER_PATIENCE_MS,
      },
    ];
  return [];
}

const left = (kind: EngineLeftover['kind'], id: string, name: string, why: string): EngineLeftover => ({
  kind,
  id,
  name,
  why,
  patienceMs: 0,
});
