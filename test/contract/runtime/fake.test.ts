import { createHash } from 'node:crypto';
import { DEFAULT_RESOURCES } from '#runtime/runtime.ts';
import { FakeEngine } from '../../../orchestrator/runtimes/fake/engine.ts';
import { FakeRuntime } from '../../../orchestrator/runtimes/fake/index.ts';
import { fakeName } from '../../../orchestrator/runtimes/fake/spec.ts';
import { type RuntimeHarness, runtimeContract, type Next } from './runtime.contract.ts';

runtimeContract('fake', async (): Promise<RuntimeHarness> => {
  const engine = new FakeEngine();
  const install = 'test';
  const reports = new Map<string, { bytes: number; sha256: string }>();

  /** Does what the program of the scratch image does. */
  const body = async (cageId: string, bootstrap: Uint8Array, signal: AbortSignal): Promise<number> => {
    // The fake has no stdin: its body gets the bootstrap itself, without the end of the line.
    const line = Buffer.concat([bootstrap, Buffer.from('\n')]);
    reports.set(cageId, { bytes: line.length, sha256: createHash('sha256').update(line).digest('hex') });
    const { next } = JSON.parse(line.toString()) as { next?: Next };
    await new Promise((resolve) => setImmediate(resolve));
    if (next && 'hog' in next) runtime.end(cageId, 137, true);
    if (next && 'exit' in next) return next.exit;
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve(137)));
  };
  const runtime = new FakeRuntime({ install, engine, body });
  await runtime.prepare();
  const specOf = (cageId: string) => ({ cageId, image: 'any', resources: DEFAULT_RESOURCES });

  return {
    runtime,
    image: 'any',
    sibling: () => new FakeRuntime({ install, engine, body }),
    stranger: () => new FakeRuntime({ install: 'stranger', engine, body }),
    gone: () => {
      const away = new FakeEngine();
      away.away = true;
      return new FakeRuntime({ engine: away });
    },
    received: async (cageId) => reports.get(cageId)!,
    plantForeign: async (cageId, owner) => {
      const planted = engine.plant(install, specOf(cageId), owner);
      return async () => ({ state: planted.state, there: engine.containers.get(planted.name) === planted });
    },
    leaveUnstarted: async (cageId) => engine.leaveUnstarted(install, specOf(cageId)),
    bring: async (cageId, to) => {
      engine.containers.get(fakeName(install, cageId))!.condition = to;
    },
    killGate: async () => void engine.gates.delete(install),
    [Symbol.asyncDispose]: () => runtime.close(),
  };
});
