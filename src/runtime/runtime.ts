import type { GateAddress } from '#protocol/bootstrap.ts';

/**
 * The port that Docker, Kubernetes and the fake implement, for the whole life of a cage. Every method throws only
 * CodedErrors, whose verdict says `retryable`, `final` or `unknown`; every slow one takes an AbortSignal.
 */
export interface Runtime {
  readonly facts: RuntimeFacts;

  /** Makes ready what cages need (engine answers, images present, gate up); safe to repeat. `runtime_unavailable`, `image_missing`. */
  prepare(signal?: AbortSignal): Promise<void>;

  /** Where this process reaches the gate, and where a cage does; throws `gate_unavailable` before `prepare`. */
  gate(): { readonly controller: GateAddress; readonly cage: GateAddress };

  /** True while the gate's container runs; `prepare` brings it back. */
  gateAlive(signal?: AbortSignal): Promise<boolean>;

  /**
   * The reference of an image for `CageSpec.image` in which the cage's own files are laid over `image`, a reference as its owner wrote it. An image that is not on the engine is
   * pulled where a registry has it. Made once for each pair of image and version of ours, and found again after that; several callers at once make it once. What `image` says of entry
   * point, user, volumes and the like does not count; its environment reaches the agent and nothing else. `agent_image_unusable` with a `reason`.
   */
  layOver(image: string, signal?: AbortSignal): Promise<string>;

  /**
   * Creates and starts the cage named by `spec.cageId`, gives it `bootstrap` on stdin once and closes stdin. Idempotent by name: where
   * the cage exists already it is returned as it is, `created: false`, and its stdin is not touched. `cage_foreign` where a container
   * of that name is not of this installation.
   */
  create(
    spec: CageSpec,
    bootstrap: Uint8Array,
    signal?: AbortSignal,
  ): Promise<{ cage: CageInfo; created: boolean }>;

  /** `undefined` where there is none of this installation. */
  inspect(cageId: string, signal?: AbortSignal): Promise<CageInfo | undefined>;

  /**
   * What the engine can see of a cage that says nothing: a question that costs more than `inspect`, for when there is a doubt. `gone` where none of this installation runs
   * by that name.
   */
  diagnose(cageId: string, signal?: AbortSignal): Promise<CageCondition>;

  /** All cages of this installation, running or not. */
  list(signal?: AbortSignal): Promise<readonly CageInfo[]>;

  /** Ends and removes, also what is paused, frozen or stopped; a second time, or a cage that is not there, is no error. Never touches a foreign container. */
  destroy(cageId: string, signal?: AbortSignal): Promise<void>;

  /** Ends of cages as they happen, until the signal; what is missed while the engine is away is found by `list`. */
  events(signal: AbortSignal): AsyncIterable<CageEnded>;

  /** Where the engine keeps its images and cages, where the engine is on this machine: its disk and memory are then ours too. */
  dataRoot(signal?: AbortSignal): Promise<string | undefined>;

  /**
   * What this installation has on the engine beside its cages and its gate and nothing there uses: helpers of a `layOver` that was interrupted, gates, volumes and networks that others replaced,
   * images without a name. Only what bears this installation's label and the mark of what it is.
   */
  leftovers(signal?: AbortSignal): Promise<readonly EngineLeftover[]>;

  /** Removes one of these: true where it is gone, false where something uses it meanwhile, and it is left alone. */
  discard(leftover: EngineLeftover, signal?: AbortSignal): Promise<boolean>;

  /** Takes away what `prepare` made (gate, volumes, networks); images stay. */
  teardown(signal?: AbortSignal): Promise<void>;

  close(): Promise<void>;
}

/** Data in place of names: nobody asks "is this Kubernetes?". */
export interface RuntimeFacts {
  readonly name: string;
  readonly gateOverTcp: boolean;
  readonly survivesOrchestrator: boolean;
}

export interface CageSpec {
  /** Also the container's name after a prefix of the installation. */
  readonly cageId: string;
  readonly image: string;
  readonly resources: CageResources;
}

/** What lies in `/work` and `/tmp` is memory, and counts against `memoryBytes` as it fills. */
export interface CageResources {
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly pids: number;
  readonly workBytes: number;
  readonly tmpBytes: number;
}

export const DEFAULT_RESOURCES: CageResources = {
  memoryBytes: 512 * 1024 * 1024,
  cpus: 1,
  pids: 256,
  workBytes: 256 * 1024 * 1024,
  tmpBytes: 64 * 1024 * 1024,
};

export interface CageInfo {
  readonly cageId: string;
  readonly state: 'created' | 'running' | 'exited';
  readonly exitCode?: number;
  readonly createdAtMs: number;
}

export interface EngineLeftover {
  readonly kind: 'container' | 'volume' | 'network' | 'image';
  /** The engine's own name for it. */
  readonly id: string;
  /** For people. */
  readonly name: string;
  readonly why: string;
  /** So long it may be in somebody's hands although nothing on the engine tells. */
  readonly patienceMs: number;
}

/**
 * `paused`: by the engine. `frozen`: its control group was, by somebody else. `stopped`: its first process, or the warden, was by a signal. `running` says only that none of
 * these could be seen.
 */
export type CageCondition = 'running' | 'paused' | 'frozen' | 'stopped' | 'gone';

export interface CageEnded {
  readonly cageId: string;
  readonly exitCode: number | undefined;
  readonly outOfMemory: boolean;
}
