import type Docker from 'dockerode';
import { CodedError } from '#errors/coded-error.ts';
import type { GateAddress } from '#protocol/bootstrap.ts';
import type {
  CageCondition,
  CageEnded,
  CageInfo,
  CageSpec,
  EngineLeftover,
  Runtime,
  RuntimeFacts,
} from '#runtime/runtime.ts';
import { fromInspection, fromListing } from './cage-info.ts';
import { createCage } from './create.ts';
import { diagnoseCage } from './diagnose.ts';
import { isOnThisMachine } from './engine-address.ts';
import { checkEngine, type EngineFacts } from './engine-facts.ts';
import { Engine, type EngineTimeouts } from './engine.ts';
import { endedCages } from './events.ts';
import { findCage } from './find.ts';
import { GateContainer, type GatePlace } from './gate.ts';
import { requireImage } from './images.ts';
import { discardLeftover, engineLeftovers } from './leftovers.ts';
import { Overlays } from './overlay/overlays.ts';
import { removeContainer } from './remove.ts';
import { GATE_SOCKET, LABEL_CAGE, LABEL_INSTALL } from './spec.ts';

export interface DockerRuntimeOptions {
  /** Names everything that is made on the engine; two installations on one engine do not touch each other. */
  readonly install: string;
  readonly images: { readonly cage: string; readonly gate: string };
  /** PEM of the Ed25519 public key that the gate checks capabilities with. */
  readonly gatePublicKeyPem: string;
  /** `host:port` of private addresses that the gate may reach. */
  readonly gateAllowHosts: readonly string[];
  /** From `engineOptions`; the usual socket without. */
  readonly docker?: Docker.DockerOptions;
  readonly timeouts?: Partial<DockerTimeouts>;
}

export interface DockerTimeouts extends EngineTimeouts {
  /** How long a started gate may take until it answers. */
  readonly gateHealthyMs: number;
  /** How long a container that is there but not started is left to who may be starting it. */
  readonly leftoverMs: number;
  /** How long one step of laying ours over an image may take, its pull among them. */
  readonly overlayMs: number;
}

const OVERLAY_MS = 10 * 60_000;

/** The SDK takes the signal, its types do not know it. */
const engineInfo = (docker: Docker, abortSignal: AbortSignal): Promise<EngineFacts> =>
  (docker.info as (options: object) => Promise<EngineFacts>).call(docker, { abortSignal });

/** Cages as containers of a Docker engine (20.10 or later). Calls to the engine end after 10 s (questions) or 30 s (changes). */
export class DockerRuntime implements Runtime {
  readonly facts: RuntimeFacts = { name: 'docker', gateOverTcp: false, survivesOrchestrator: true };
  readonly #install: string;
  readonly #cageImage: string;
  readonly #engine: Engine;
  readonly #gate: GateContainer;
  readonly #overlays: Overlays;
  readonly #leftoverMs: number;
  readonly #isHere: boolean;
  readonly #closed = new AbortController();
  #gatePlace: GatePlace | undefined;

  constructor(options: DockerRuntimeOptions) {
    const {
      gateHealthyMs = 10_000,
      leftoverMs = 5_000,
      overlayMs = OVERLAY_MS,
      ...engineTimeouts
    } = options.timeouts ?? {};
    this.#install = options.install;
    this.#cageImage = options.images.cage;
    this.#leftoverMs = leftoverMs;
    this.#isHere = isOnThisMachine(options.docker);
    this.#engine = new Engine(options.docker, engineTimeouts);
    // Whole images go over the wire for it, and some are pulled first.
    const patient = new Engine(options.docker, { ...engineTimeouts, actMs: overlayMs });
    this.#overlays = new Overlays(patient, options.install, options.images.cage);
    this.#gate = new GateContainer(
      this.#engine,
      {
        install: options.install,
        image: options.images.gate,
        publicKeyPem: options.gatePublicKeyPem,
        allowHosts: options.gateAllowHosts,
      },
      gateHealthyMs,
    );
  }

  async prepare(signal?: AbortSignal): Promise<void> {
    checkEngine(await this.#engine.ask('info', signal, engineInfo));
    await requireImage(this.#engine, this.#cageImage, signal);
    this.#gatePlace = await this.#gate.ensure(signal);
  }

  layOver(image: string, signal?: AbortSignal): Promise<string> {
    return this.#overlays.layOver(image, signal);
  }

  gate(): { readonly controller: GateAddress; readonly cage: GateAddress } {
    if (!this.#gatePlace)
      throw new CodedError('gate_unavailable', { reason: 'prepare has not succeeded yet' });
    return { controller: this.#gatePlace, cage: { socket: GATE_SOCKET } };
  }

  async gateAlive(signal?: AbortSignal): Promise<boolean> {
    const place = await this.#gate.place(signal);
    if (place) this.#gatePlace = place;
    return place !== undefined;
  }

  create(
    spec: CageSpec,
    bootstrap: Uint8Array,
    signal?: AbortSignal,
  ): Promise<{ cage: CageInfo; created: boolean }> {
    return createCage({
      engine: this.#engine,
      install: this.#install,
      spec,
      bootstrap,
      leftoverMs: this.#leftoverMs,
      signal,
    });
  }

  async inspect(cageId: string, signal?: AbortSignal): Promise<CageInfo | undefined> {
    const found = await findCage(this.#engine, this.#install, cageId, signal);
    return found?.own ? fromInspection(found.inspection) : undefined;
  }

  diagnose(cageId: string, signal?: AbortSignal): Promise<CageCondition> {
    return diagnoseCage(this.#engine, this.#install, cageId, signal);
  }

  async list(signal?: AbortSignal): Promise<readonly CageInfo[]> {
    const filters = { label: [`${LABEL_INSTALL}=${this.#install}`, LABEL_CAGE] };
    const found = await this.#engine.ask('list', signal, (docker, abortSignal) =>
      docker.listContainers({ all: true, filters, abortSignal }),
    );
    if (!Array.isArray(found)) throw new CodedError('runtime_answer_invalid', { what: 'list' });
    return found.map(fromListing);
  }

  async destroy(cageId: string, signal?: AbortSignal): Promise<void> {
    const found = await findCage(this.#engine, this.#install, cageId, signal);
    if (found?.own) await removeContainer(this.#engine, found.inspection.Id, signal);
  }

  events(signal: AbortSignal): AsyncIterable<CageEnded> {
    return endedCages(this.#engine, this.#install, AbortSignal.any([signal, this.#closed.signal]));
  }

  async dataRoot(signal?: AbortSignal): Promise<string | undefined> {
    if (!this.#isHere) return undefined;
    return (await this.#engine.ask('info', signal, engineInfo)).DockerRootDir;
  }

  leftovers(signal?: AbortSignal): Promise<readonly EngineLeftover[]> {
    return engineLeftovers(this.#engine, this.#install, signal);
  }

  discard(leftover: EngineLeftover, signal?: AbortSignal): Promise<boolean> {
    return discardLeftover(this.#engine, leftover, signal);
  }

  async teardown(signal?: AbortSignal): Promise<void> {
    this.#gatePlace = undefined;
    await this.#gate.remove(signal);
  }

  async close(): Promise<void> {
    this.#closed.abort();
  }
}
