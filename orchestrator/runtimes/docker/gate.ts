import { setTimeout as delay } from 'node:timers/promises';
import type Docker from 'dockerode';
import { CodedError } from '#errors/coded-error.ts';
import { withDeadline } from '../deadline.ts';
import type { Engine } from './engine.ts';
import { engineReason, engineStatus, toRuntimeError } from './errors.ts';
import { inspectByName } from './find.ts';
import { freePort } from './free-port.ts';
import { requireImage } from './images.ts';
import { removeContainer } from './remove.ts';
import {
  GATE_PORT,
  gateHash,
  gateSettings,
  gateName,
  gateOptions,
  gateVolume,
  LABEL_CAGE,
  LABEL_GATE,
  LABEL_GATE_SETTINGS,
  LABEL_INSTALL,
  volumeOptions,
  type GateSpec,
} from './spec.ts';

const POLL_MS = 50;
const PORT_TRIES = 5;
/** A gate that runs already is waited for no longer: another process may just have started it. */
const RUNNING_HEALTHY_MS = 15_000;

export interface GatePlace {
  readonly host: string;
  readonly port: number;
}

/** The gate's container and volume of one installation. */
export class GateContainer {
  readonly #engine: Engine;
  readonly #spec: GateSpec;
  readonly #healthyMs: number;
  #hadOne = false;

  /** `healthyMs`: how long a started gate may take until it answers. */
  constructor(engine: Engine, spec: GateSpec, healthyMs: number) {
    this.#engine = engine;
    this.#spec = spec;
    this.#healthyMs = healthyMs;
  }

  /**
   * A gate with the wanted options that answers `GET /healthz`; says where. A standing one is used, started where it has stopped,
   * and replaced where its options differ (another image, other hosts) or it does not answer; its tunnels end with it. One that differs only in its image is another
   * release's: while releases run side by side it is replaced at a start only, and only where no cage would lose its tunnels.
   * Errors: `image_missing`, `cage_foreign`, `gate_unavailable`, those of the engine.
   */
  async ensure(signal?: AbortSignal): Promise<GatePlace> {
    const imageId = await requireImage(this.#engine, this.#spec.image, signal);
    await this.#ensureVolume(signal);
    const standing = await this.#standing(imageId, signal);
    if (standing) {
      const ms = standing.State.Running ? Math.min(RUNNING_HEALTHY_MS, this.#healthyMs) : this.#healthyMs;
      const place = await this.#answering(standing.Id, ms, signal).catch(only('gate_unavailable'));
      if (place) return this.#has(place);
      await removeContainer(this.#engine, standing.Id, signal);
    }
    const id = await this.#make(imageId, signal);
    return this.#has(await this.#answering(id, this.#healthyMs, signal));
  }

  #has(place: GatePlace): GatePlace {
    this.#hadOne = true;
    return place;
  }

  /** Where it runs now; undefined where it does not. */
  async place(signal?: AbortSignal): Promise<GatePlace | undefined> {
    const found = await this.#inspect(signal);
    return found && isOf(this.#spec.install, found) ? placeOf(found) : undefined;
  }

  /** Removes the container and the installation's volumes. `runtime_refused` while a cage still holds one. */
  async remove(signal?: AbortSignal): Promise<void> {
    const { install } = this.#spec;
    const found = await this.#inspect(signal);
    if (found && isOf(install, found)) await removeContainer(this.#engine, found.Id, signal);
    const filters = { label: [`${LABEL_INSTALL}=${install}`] };
    const { Volumes: volumes } = await this.#engine.ask('volumes', signal, (docker, abortSignal) =>
      docker.listVolumes({ filters, abortSignal }),
    );
    for (const { Name: name } of volumes ?? []) {
      await this.#engine.act('remove volume', signal, async (docker, abortSignal) => {
        await docker.getVolume(name).remove({ abortSignal }).catch(goneIsFine);
      });
    }
  }

  #inspect(signal?: AbortSignal): Promise<Docker.ContainerInspectInfo | undefined> {
    return inspectByName(this.#engine, gateName(this.#spec.install), signal);
  }

  /** Creating a volume that is there already is no error, whoever made it. */
  async #ensureVolume(signal?: AbortSignal): Promise<void> {
    const { install } = this.#spec;
    await this.#engine.act('volume', signal, (docker, abortSignal) =>
      docker.createVolume({ ...volumeOptions(install), abortSignal }),
    );
    const volume = await this.#engine.ask('volume', signal, (docker, abortSignal) =>
      docker.getVolume(gateVolume(install)).inspect({ abortSignal }),
    );
    if (volume.Labels?.[LABEL_INSTALL] !== install)
      throw new CodedError('cage_foreign', { volume: gateVolume(install) });
  }

  /** A gate with the wanted options, running or started now; what is ours and has others is removed. */
  async #standing(imageId: string, signal?: AbortSignal): Promise<Docker.ContainerInspectInfo | undefined> {
    const found = await this.#inspect(signal);
    if (!found) return undefined;
    if (!isOf(this.#spec.install, found))
      throw new CodedError('cage_foreign', { container: gateName(this.#spec.install) });
    const { [LABEL_GATE]: hash, [LABEL_GATE_SETTINGS]: settings } = found.Config.Labels;
    const isAnothers = found.State.Running && settings === gateSettings(this.#spec);
    const asWanted =
      hash === gateHash(this.#spec, imageId) ||
      (isAnothers && (this.#hadOne || (await this.#hasCages(signal))));
    if (asWanted && (found.State.Running || (await this.#start(found.Id, signal)) === undefined))
      return found;
    await removeContainer(this.#engine, found.Id, signal);
    return undefined;
  }

  async #hasCages(signal?: AbortSignal): Promise<boolean> {
    const filters = { label: [`${LABEL_INSTALL}=${this.#spec.install}`, LABEL_CAGE] };
    const cages = await this.#engine.ask('list', signal, (docker, abortSignal) =>
      docker.listContainers({ filters, abortSignal }),
    );
    return cages.length > 0;
  }

  /** Makes and starts it; where another process makes the same gate at the same time, the id of that one. */
  async #make(imageId: string, signal?: AbortSignal): Promise<string> {
    for (let tried = 1; ; tried++) {
      const id = await this.#create(imageId, await freePort(), signal);
      if (id === undefined) {
        const others = await this.#standing(imageId, signal);
        if (others) return others.Id;
        continue;
      }
      const refusal = await this.#start(id, signal);
      if (refusal === undefined) return id;
      await removeContainer(this.#engine, id, signal);
      if (
        tried === PORT_TRIES ||
        !/port is already allocated|address already in use/i.test(engineReason(refusal))
      ) {
        throw new CodedError('gate_unavailable', { reason: engineReason(refusal) }, { cause: refusal });
      }
    }
  }

  /** Undefined where the name is taken. */
  #create(imageId: string, port: number, signal?: AbortSignal): Promise<string | undefined> {
    const { name, ...body } = gateOptions(this.#spec, imageId, port);
    return this.#engine.act('create gate', signal, async (docker, abortSignal) => {
      try {
        const made = await docker.createContainer({ _query: { name }, _body: body, abortSignal } as object);
        return made.id;
      } catch (error) {
        if (engineStatus(error) === 409) return undefined;
        throw toRuntimeError(error, { what: 'create gate', image: this.#spec.image });
      }
    });
  }

  /** The engine's refusal to start it, or undefined; one that runs already is no refusal. */
  #start(id: string, signal?: AbortSignal): Promise<unknown> {
    return this.#engine.act('start gate', signal, async (docker, abortSignal) => {
      try {
        await docker.getContainer(id).start({ abortSignal });
        return undefined;
      } catch (error) {
        const status = engineStatus(error);
        if (status === 304) return undefined;
        if (status === undefined) throw error;
        return error;
      }
    });
  }

  async #answering(id: string, healthyMs: number, signal?: AbortSignal): Promise<GatePlace> {
    let state: Docker.ContainerInspectInfo['State'] | undefined;
    try {
      return await withDeadline('gate health', healthyMs, signal, async (limit) => {
        for (;;) {
          // One question that a busy engine leaves too long is asked again: the time is that of the gate.
          const found = await inspectByName(this.#engine, id, limit).catch(only('runtime_timeout'));
          state = found?.State;
          const place = found && placeOf(found);
          if (place && (await isHealthy(place, limit))) return place;
          await delay(POLL_MS, undefined, { signal: limit });
        }
      });
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'runtime_timeout') throw error;
      throw new CodedError(
        'gate_unavailable',
        { healthyMs, state: state?.Status, exitCode: state?.ExitCode },
        { cause: error },
      );
    }
  }
}

function isOf(install: string, found: Docker.ContainerInspectInfo): boolean {
  return found.Config.Labels?.[LABEL_INSTALL] === install && found.Config.Labels?.[LABEL_GATE] !== undefined;
}

function placeOf(found: Docker.ContainerInspectInfo): GatePlace | undefined {
  if (!found.State.Running || found.State.Restarting) return undefined;
  const published = found.NetworkSettings.Ports[`${GATE_PORT}/tcp`]?.[0];
  return published ? { host: '127.0.0.1', port: Number(published.HostPort) } : undefined;
}

async function isHealthy({ host, port }: GatePlace, signal: AbortSignal): Promise<boolean> {
  try {
    const answer = await fetch(`http://${host}:${port}/healthz`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(2_000)]),
    });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false;
  }
}

/** `undefined` in place of an error of that code. */
function only(code: 'gate_unavailable' | 'runtime_timeout'): (error: unknown) => undefined {
  return (error) => {
    if (!(error instanceof CodedError) || error.code !== code) throw error;
  };
}

function goneIsFine(error: unknown): void {
  if (engineStatus(error) !== 404) throw error;
}
