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
import { type CageBody, FakeEngine } from './engine.ts';
import { type Fault, Faults, strike, type Verb } from './errors.ts';
import { cageInfo, type FakeContainer, fakeName } from './spec.ts';

export interface FakeRuntimeOptions {
  readonly install?: string;
  /** Shared where several runtimes are to see the same cages. */
  readonly engine?: FakeEngine;
  /** What each cage runs; without one a cage runs until it is destroyed or ended. */
  readonly body?: CageBody;
  /** Where `gate()` says that the gate is. */
  readonly gate?: { readonly controller: GateAddress; readonly cage: GateAddress };
}

const NOWHERE = { host: '127.0.0.1', port: 4181 };

const untilDestroyed: CageBody = (_cageId, _bootstrap, signal) =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(137), { once: true }));

/**
 * Cages without an engine, in this process: for tests of what uses the port, and for the service without Docker. `faults` plans what goes
 * wrong, and an image whose name begins with `missing` is not there; `engine` ends cages, plants foreign containers and goes away.
 */
export class FakeRuntime implements Runtime {
  readonly facts: RuntimeFacts;
  readonly faults = new Faults();
  readonly engine: FakeEngine;
  readonly install: string;
  readonly #body: CageBody;
  readonly #gate: { readonly controller: GateAddress; readonly cage: GateAddress };
  readonly #closed = new AbortController();
  #prepared = false;

  constructor(options: FakeRuntimeOptions = {}) {
    this.install = options.install ?? 'fake';
    this.engine = options.engine ?? new FakeEngine();
    this.#body = options.body ?? untilDestroyed;
    this.#gate = options.gate ?? { controller: NOWHERE, cage: NOWHERE };
    this.facts = { name: 'fake', gateOverTcp: 'port' in this.#gate.cage, survivesOrchestrator: false };
  }

  async prepare(signal?: AbortSignal): Promise<void> {
    await this.#verb('prepare', signal, async () => {
      this.engine.gates.add(this.install);
      this.#prepared = true;
    });
  }

  gate(): { readonly controller: GateAddress; readonly cage: GateAddress } {
    if (!this.#prepared)
      throw new CodedError('gate_unavailable', { reason: 'prepare has not succeeded yet' });
    return this.#gate;
  }

  async dataRoot(): Promise<string | undefined> {
    return undefined;
  }

  gateAlive(signal?: AbortSignal): Promise<boolean> {
    return this.#verb('gateAlive', signal, async () => this.engine.gates.has(this.install));
  }

  layOver(image: string, signal?: AbortSignal): Promise<string> {
    return this.#verb('layOver', signal, async () => {
      if (image.startsWith('missing'))
        throw new CodedError('agent_image_unusable', { image, reason: 'It is not there.' });
      return `fake-over-${image}`;
    });
  }

  create(
    spec: CageSpec,
    bootstrap: Uint8Array,
    signal?: AbortSignal,
  ): Promise<{ cage: CageInfo; created: boolean }> {
    return this.#verb('create', signal, async (fault) => {
      const made = await this.#make(spec);
      if (!('stop' in made)) return { cage: made, created: false };
      try {
        await strike(fault, 'made', 'create', signal);
        this.engine.run(made, this.#body, bootstrap);
        await strike(fault, 'started', 'create', signal);
      } catch (error) {
        this.engine.remove(made);
        throw error;
      }
      return { cage: cageInfo(made), created: true };
    });
  }

  inspect(cageId: string, signal?: AbortSignal): Promise<CageInfo | undefined> {
    return this.#verb('inspect', signal, async () => {
      const own = this.#own(cageId);
      return own && cageInfo(own);
    });
  }

  diagnose(cageId: string, signal?: AbortSignal): Promise<CageCondition> {
    return this.#verb('diagnose', signal, async () => {
      const own = this.#own(cageId);
      return own?.state === 'running' ? own.condition : 'gone';
    });
  }

  list(signal?: AbortSignal): Promise<readonly CageInfo[]> {
    return this.#verb('list', signal, async () =>
      [...this.engine.containers.values()]
        .filter((container) => container.install === this.install)
        .map(cageInfo),
    );
  }

  destroy(cageId: string, signal?: AbortSignal): Promise<void> {
    return this.#verb('destroy', signal, async () => {
      const own = this.#own(cageId);
      if (own) this.engine.remove(own);
    });
  }

  events(signal: AbortSignal): AsyncIterable<CageEnded> {
    return this.engine.ends.open(this.install, AbortSignal.any([signal, this.#closed.signal]));
  }

  leftovers(signal?: AbortSignal): Promise<readonly EngineLeftover[]> {
    return this.#verb('leftovers', signal, async () => [...(this.engine.leftovers.get(this.install) ?? [])]);
  }

  discard(leftover: EngineLeftover, signal?: AbortSignal): Promise<boolean> {
    return this.#verb('discard', signal, async () => {
      const left = this.engine.leftovers.get(this.install) ?? [];
      this.engine.leftovers.set(
        this.install,
        left.filter(({ id }) => id !== leftover.id),
      );
      return true;
    });
  }

  teardown(signal?: AbortSignal): Promise<void> {
    return this.#verb('teardown', signal, async () => {
      this.engine.gates.delete(this.install);
      this.#prepared = false;
    });
  }

  async close(): Promise<void> {
    this.#closed.abort();
  }

  /** Ends a cage as if its process had. */
  end(cageId: string, exitCode: number, outOfMemory = false): void {
    const own = this.#own(cageId);
    if (own) this.engine.end(own, exitCode, outOfMemory);
  }

  async #verb<T>(
    verb: Verb,
    signal: AbortSignal | undefined,
    run: (fault: Fault | undefined) => Promise<T>,
  ): Promise<T> {
    const fault = this.faults.take(verb);
    await strike(fault, 'asked', verb, signal);
    this.engine.assertThere();
    const answer = await run(fault);
    await strike(fault?.at === 'done' ? fault : undefined, 'done', verb, undefined);
    return answer;
  }

  /** The new container, or what stands in its place; one that was made and never started is made anew, as on every engine. */
  async #make(spec: CageSpec): Promise<FakeContainer | CageInfo> {
    for (;;) {
      const made = this.engine.make(spec, this.install);
      if (made) return made;
      const standing = this.#own(spec.cageId, true);
      if (standing?.leftover) this.engine.remove(standing);
      else if (standing?.state === 'created') await standing.settled.promise;
      else if (standing) return cageInfo(standing);
    }
  }

  /** `foreignThrows`: `cage_foreign` in place of undefined for a container that is not this installation's. */
  #own(cageId: string, foreignThrows = false): FakeContainer | undefined {
    const found = this.engine.containers.get(fakeName(this.install, cageId));
    if (!found || found.install === this.install) return found;
    if (foreignThrows) throw new CodedError('cage_foreign', { cageId });
    return undefined;
  }
}
