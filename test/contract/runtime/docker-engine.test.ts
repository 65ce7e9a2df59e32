import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { type CageEnded, type CageSpec, DEFAULT_RESOURCES } from '#runtime/runtime.ts';
import type { DockerRuntime } from '../../../orchestrator/runtimes/docker/index.ts';
import { gateName } from '../../../orchestrator/runtimes/docker/spec.ts';
import { reportOf, type TestInstall, testInstall } from '../../support/docker.ts';
import { EngineProxy } from '../../support/engine-proxy.ts';
import { bootstrapFor } from './runtime.contract.ts';

let install: TestInstall;
let proxy: EngineProxy;
/** Talks to the engine through the proxy. */
let runtime: DockerRuntime;
let direct: DockerRuntime;

const newId = (): string => `c${randomBytes(4).toString('hex')}`;
const spec = (cageId: string, overrides: Partial<CageSpec> = {}): CageSpec => ({
  cageId,
  image: install.image,
  resources: DEFAULT_RESOURCES,
  ...overrides,
});

beforeAll(async () => {
  install = await testInstall();
  proxy = await new EngineProxy().up();
  runtime = install.runtime({
    docker: { socketPath: proxy.socketPath },
    timeouts: { askMs: 2_000, actMs: 2_000, leftoverMs: 500 },
  });
  direct = install.runtime();
  await direct.prepare();
});
afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]();
  await install?.[Symbol.asyncDispose]();
});

describe('an engine in trouble', () => {
  test.each(['/create', '/attach', '/start'])(
    'breaking the connection at %s gives a code, and trying again brings the cage up',
    async (at) => {
      const cageId = newId();
      proxy.breakNext(new RegExp(`^POST .*${at}`), 'cut');
      await expect(runtime.create(spec(cageId), bootstrapFor(cageId))).rejects.toMatchObject({
        code: 'runtime_lost',
        verdict: 'unknown',
      });
      expect(await runtime.create(spec(cageId), bootstrapFor(cageId))).toMatchObject({
        cage: { state: 'running' },
        created: true,
      });
      expect(await reportOf(direct, cageId)).toMatchObject({ bytes: expect.any(Number) });
    },
  );

  test.each(['/create', '/start'])(
    'an engine that never answers %s gives a timeout, and trying again brings the cage up',
    async (at) => {
      const cageId = newId();
      proxy.breakNext(new RegExp(`^POST .*${at}`), 'swallow');
      await expect(runtime.create(spec(cageId), bootstrapFor(cageId))).rejects.toMatchObject({
        code: 'runtime_timeout',
        verdict: 'unknown',
      });
      expect(await runtime.create(spec(cageId), bootstrapFor(cageId))).toMatchObject({
        cage: { state: 'running' },
        created: true,
      });
    },
  );

  test('questions that are never answered end with a timeout', async () => {
    proxy.breakNext(/^GET .*containers\/json/, 'swallow');
    await expect(runtime.list()).rejects.toMatchObject({ code: 'runtime_timeout' });
    expect(await runtime.list()).toEqual(await direct.list());
  });

  test('a lost answer to a removal: destroying again is no error', async () => {
    const cageId = newId();
    await direct.create(spec(cageId), bootstrapFor(cageId));
    proxy.breakNext(/^DELETE /, 'cut');
    await expect(runtime.destroy(cageId)).rejects.toMatchObject({ code: 'runtime_lost' });
    await runtime.destroy(cageId);
    expect(await direct.inspect(cageId)).toBeUndefined();
  });

  test('ends that happen while the event stream is broken are told when it is back, each once', async () => {
    const stop = new AbortController();
    const seen: CageEnded[] = [];
    const over = (async () => {
      for await (const ended of runtime.events(stop.signal)) seen.push(ended);
    })();
    const [before, between, after] = [newId(), newId(), newId()];
    await direct.create(spec(before), bootstrapFor(before, { exit: 1 }));
    await expect.poll(() => seen.map((ended) => ended.cageId), { timeout: 10_000 }).toEqual([before]);
    await proxy.down();
    await direct.create(spec(between), bootstrapFor(between, { exit: 2 }));
    await expect.poll(() => direct.inspect(between)).toMatchObject({ state: 'exited' });
    await proxy.up();
    await direct.create(spec(after), bootstrapFor(after, { exit: 3 }));
    await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(3);
    expect(seen.map(({ cageId, exitCode }) => [cageId, exitCode])).toEqual([
      [before, 1],
      [between, 2],
      [after, 3],
    ]);
    stop.abort();
    await over;
  });
});

describe('what cannot be created', () => {
  test('an image that is not there is named', async () => {
    const image = 'clawcage-not-there:1';
    await expect(direct.create(spec('c1', { image }), bootstrapFor('c1'))).rejects.toMatchObject({
      code: 'image_missing',
      details: expect.objectContaining({ image }),
    });
    const unready = install.runtime({ images: { cage: image, gate: install.image } });
    await expect(unready.prepare()).rejects.toMatchObject({ code: 'image_missing', details: { image } });
  });

  test("limits that the engine refuses come back with the engine's words, and leave nothing", async () => {
    const resources = { ...DEFAULT_RESOURCES, memoryBytes: 1024 };
    await expect(direct.create(spec('c2', { resources }), bootstrapFor('c2'))).rejects.toMatchObject({
      code: 'runtime_refused',
      verdict: 'final',
      details: expect.objectContaining({ reason: expect.stringMatching(/memory/i) }),
    });
    expect(await direct.inspect('c2')).toBeUndefined();
  });

  test.each([1, 30, 100, 200])(
    'a creation given up after %i ms leaves nothing behind, or was done',
    async (ms) => {
      const cageId = newId();
      const given = new AbortController();
      const timer = setTimeout(() => given.abort(new CodedError('task_cancelled')), ms);
      const outcome = await direct
        .create(spec(cageId), bootstrapFor(cageId), given.signal)
        .catch((error: unknown) => error);
      clearTimeout(timer);
      if (outcome instanceof CodedError) {
        expect(outcome.code).toBe('task_cancelled');
        expect(await direct.inspect(cageId)).toBeUndefined();
      } else {
        expect(outcome).toMatchObject({ created: true });
      }
    },
  );
});

describe('the gate', () => {
  const gateId = async (): Promise<string> =>
    (await install.docker.getContainer(gateName(install.id)).inspect()).Id;

  test('is left as it is when nothing changed', async () => {
    const before = await gateId();
    await direct.prepare();
    await Promise.all([direct.prepare(), install.runtime().prepare()]);
    expect(await gateId()).toBe(before);
  });

  test('is replaced when the hosts that it may reach change', async () => {
    const before = await gateId();
    const changed = install.runtime({ gateAllowHosts: ['10.0.0.5:8000'] });
    await changed.prepare();
    expect(await gateId()).not.toBe(before);
    const { Env: env } = (await install.docker.getContainer(gateName(install.id)).inspect()).Config;
    expect(env).toContain('CLAWCAGE_GATE_ALLOW_HOSTS=10.0.0.5:8000');
    await direct.prepare();
  });

  test('comes back by itself when its process is killed, where controllers expect it', async () => {
    const { controller } = direct.gate();
    if (!('port' in controller)) return expect.unreachable();
    const { State: before } = await install.docker.getContainer(gateName(install.id)).inspect();
    process.kill(before.Pid, 'SIGKILL');
    const pid = async (): Promise<number> =>
      (await install.docker.getContainer(gateName(install.id)).inspect()).State.Pid;
    await expect.poll(pid, { timeout: 10_000 }).not.toBe(before.Pid);
    const healthy = (): Promise<boolean> =>
      fetch(`http://127.0.0.1:${controller.port}/healthz`).then(
        (answer) => answer.ok,
        () => false,
      );
    await expect.poll(healthy, { timeout: 10_000 }).toBe(true);
    expect(await direct.gateAlive()).toBe(true);
  });

  test('that never answers is given up after its time, with what became of it', async () => {
    await using other = await testInstall();
    const silent = other.runtime({ gatePublicKeyPem: 'x', timeouts: { gateHealthyMs: 1 } });
    await expect(silent.prepare()).rejects.toMatchObject({ code: 'gate_unavailable', verdict: 'retryable' });
  });

  test('of two controllers that prepare a new installation at the same time there is one', async () => {
    await using other = await testInstall();
    const both = [other.runtime(), other.runtime()];
    await Promise.all(both.map((one) => one.prepare()));
    expect(both[0]!.gate()).toEqual(both[1]!.gate());
  });

  test('under whose name another container stands is refused, and that one left alone', async () => {
    await using other = await testInstall();
    const foreign = await other.docker.createContainer({ name: gateName(other.id), Image: other.image });
    try {
      await expect(other.runtime().prepare()).rejects.toMatchObject({ code: 'cage_foreign' });
      await other.runtime().teardown();
      expect((await foreign.inspect()).State.Status).toBe('created');
    } finally {
      await foreign.remove({ force: true });
    }
  });
});
