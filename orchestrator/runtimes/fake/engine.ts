import { CodedError } from '#errors/coded-error.ts';
import type { CageSpec, EngineLeftover } from '#runtime/runtime.ts';
import { EndedBroadcast } from './events.ts';
import { type FakeContainer, fakeContainer, fakeName } from './spec.ts';

/** What runs in a cage: resolves with the exit code. The signal aborts when the cage is destroyed; what comes after counts no more. */
export type CageBody = (cageId: string, bootstrap: Uint8Array, signal: AbortSignal) => Promise<number>;

/**
 * The fake's engine: outlives the runtimes that talk to it, so that several (two controllers, one after a crash of the
 * other, two installations) can share it.
 */
export class FakeEngine {
  readonly containers = new Map<string, FakeContainer>();
  readonly gates = new Set<string>();
  readonly ends = new EndedBroadcast();
  /** Of each installation, as the tests put them there. */
  readonly leftovers = new Map<string, readonly EngineLeftover[]>();
  /** True: every call fails as with an engine that does not answer. Cages run on. */
  away = false;

  assertThere(): void {
    if (this.away) throw new CodedError('runtime_unavailable', { reason: 'ECONNREFUSED', fake: true });
  }

  /** Undefined where the name is taken. */
  make(spec: CageSpec, install: string): FakeContainer | undefined {
    const made = fakeContainer(spec, install, Date.now());
    if (this.containers.has(made.name)) return undefined;
    this.containers.set(made.name, made);
    return made;
  }

  run(container: FakeContainer, body: CageBody, bootstrap: Uint8Array): void {
    container.state = 'running';
    container.settled.resolve();
    const { spec, stop } = container;
    void body(spec.cageId, Uint8Array.from(bootstrap), stop.signal).then(
      (exitCode) => this.end(container, exitCode),
      () => this.end(container, 1),
    );
  }

  /** Ends what runs, as if its process had; what has ended stays as it is. */
  end(container: FakeContainer, exitCode: number, outOfMemory = false): void {
    if (container.state !== 'running') return;
    container.state = 'exited';
    container.exitCode = exitCode;
    container.stop.abort();
    if (container.install !== undefined)
      this.ends.tell(container.install, { cageId: container.spec.cageId, exitCode, outOfMemory });
  }

  /** Like the engine's forced removal: a running container is killed first, with code 137. */
  remove(container: FakeContainer): void {
    this.end(container, 137);
    container.stop.abort();
    container.settled.resolve();
    this.containers.delete(container.name);
  }

  /** What a crash between the creation and the start of a cage leaves. */
  leaveUnstarted(install: string, spec: CageSpec): void {
    const left = fakeContainer(spec, install, Date.now(), true);
    this.containers.set(left.name, left);
  }

  /** A container of that cage's name which is not of `install`, but of `owner` or of nobody. */
  plant(install: string, spec: CageSpec, owner?: string): FakeContainer {
    const planted: FakeContainer = {
      ...fakeContainer(spec, install, Date.now()),
      install: owner,
      state: 'running',
    };
    this.containers.set(fakeName(install, spec.cageId), planted);
    return planted;
  }
}
