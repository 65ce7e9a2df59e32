import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { type CageEnded, type CageSpec, DEFAULT_RESOURCES } from '#runtime/runtime.ts';
import type { DockerRuntime } from '../../../orchestrator/runtimes/docker/index.ts';
import { CageEnds } from '../../../orchestrator/reconcile/cage-ends.ts';
import { LABEL_OVERLAY } from '../../../orchestrator/runtimes/docker/overlay/overlay-spec.ts';
import {
  gateName,
  LABEL_CAGE,
  LABEL_GATE,
  LABEL_INSTALL,
} from '../../../orchestrator/runtimes/docker/spec.ts';
import { removeInstall, reportOf, type TestInstall, testInstall } from '../../support/docker.ts';
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
    timeouts: { askMs: 5_000, actMs: 5_000, leftoverMs: 500 },
  });
  direct = install.runtime();
  await direct.prepare();
});
afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]();
  await install?.[Symbol.asyncDispose]();
});

describe('an engine in trouble', () => {
  /** What the engine has of that cage, running or not. */
  const containersOf = async (cageId: string): Promise<string[]> => {
    const label = [`${LABEL_INSTALL}=${install.id}`, `${LABEL_CAGE}=${cageId}`];
    const found = await install.docker.listContainers({ all: true, filters: { label } });
    return found.map(({ State }) => State);
  };

  test.each([
    ['done, and its answer breaks off', '/create', 'cut'],
    ['done, and its answer never comes', '/create', 'swallow'],
    ['lost on its way', '/create', 'drop'],
    ['done after it was given up for lost', '/create', 'late'],
    ['done, and its answer breaks off', '/start', 'cut'],
    ['done, and its answer never comes', '/start', 'swallow'],
    ['lost on its way', '/start', 'drop'],
  ] as const)(
    'a call that is %s (%s, %s) is looked up: one cage, and it has its bootstrap',
    async (...at) => {
      const [, path, how] = at;
      const cageId = newId();
      const bootstrap = bootstrapFor(cageId);
      proxy.breakNext(new RegExp(`^POST .*${path}`), how);
      expect(await runtime.create(spec(cageId), bootstrap)).toMatchObject({
        cage: { state: 'running' },
        created: true,
      });
      expect(await reportOf(direct, cageId)).toMatchObject({ bytes: bootstrap.length + 1 });
      expect(await containersOf(cageId)).toEqual(['running']);
    },
  );

  test('a cage whose stdin was lost is removed, and trying again brings it up', async () => {
    const cageId = newId();
    proxy.breakNext(/^POST .*\/attach/, 'cut');
    await expect(runtime.create(spec(cageId), bootstrapFor(cageId))).rejects.toMatchObject({
      code: 'runtime_lost',
      verdict: 'unknown',
    });
    expect(await containersOf(cageId)).toEqual([]);
    expect(await runtime.create(spec(cageId), bootstrapFor(cageId))).toMatchObject({ created: true });
  });

  test('an engine that is gone for good gives up with a code that may be tried again', async () => {
    const cageId = newId();
    proxy.breakNext(/^POST .*\/create/, 'cut');
    const creating = runtime.create(spec(cageId), bootstrapFor(cageId)).catch((error: unknown) => error);
    await expect.poll(() => containersOf(cageId)).toHaveLength(1);
    await proxy.down();
    const outcome = await creating;
    await proxy.up();
    if (outcome instanceof CodedError) expect(outcome.verdict).not.toBe('final');
    await runtime.destroy(cageId);
    expect(await containersOf(cageId)).toEqual([]);
  });

  test('questions that are never answered end with a timeout', async () => {
    proxy.breakNext(/^GET .*containers\/json/, 'swallow');
    await expect(runtime.list()).rejects.toMatchObject({ code: 'runtime_timeout' });
    expect(await runtime.list()).toEqual(await direct.list());
  });

  test.each(['cut', 'swallow', 'drop'] as const)(
    'a removal whose answer is lost (%s) is looked up: it is gone when it resolves',
    async (how) => {
      const cageId = newId();
      await direct.create(spec(cageId), bootstrapFor(cageId));
      proxy.breakNext(/^DELETE /, how);
      await runtime.destroy(cageId);
      expect(await containersOf(cageId)).toEqual([]);
    },
  );

  test('what is no engine is not believed', async () => {
    const server = createServer((request, response) => {
      response.statusCode = request.url?.includes('/json') ? 404 : 200;
      response.end('page not found');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const nowhere = install.runtime({ docker: { host: '127.0.0.1', port } });
    await expect(nowhere.inspect('c1')).rejects.toMatchObject({ code: 'runtime_refused' });
    await expect(nowhere.destroy('c1')).rejects.toMatchObject({ code: 'runtime_refused' });
    await expect(nowhere.create(spec('c1'), bootstrapFor('c1'))).rejects.toMatchObject({
      code: expect.stringMatching(/^runtime_(refused|answer_invalid)$/),
    });
    server.close();
    server.closeAllConnections();
  });

  test('ends that happen while the event stream is broken are told when it is back, each once', async () => {
    const stop = new AbortController();
    const seen: CageEnded[] = [];
    const over = (async () => {
      for await (const ended of runtime.events(stop.signal)) seen.push(ended);
    })();
    const [before, between, after] = [newId(), newId(), newId()];
    await direct.create(spec(before), bootstrapFor(before, { exit: 1 }));
    await expect.poll(() => seen.map((ended) => ended.cageId)).toEqual([before]);
    await proxy.down();
    await direct.create(spec(between), bootstrapFor(between, { exit: 2 }));
    await expect.poll(() => direct.inspect(between)).toMatchObject({ state: 'exited' });
    await proxy.up();
    await direct.create(spec(after), bootstrapFor(after, { exit: 3 }));
    await expect.poll(() => seen.length).toBe(3);
    expect(seen.map(({ cageId, exitCode }) => [cageId, exitCode])).toEqual([
      [before, 1],
      [between, 2],
      [after, 3],
    ]);
    stop.abort();
    await over;
  });
});

describe('what is left over on the engine', () => {
  test('is told by its kind and removed, but what is used, of another installation, or of no known kind', async () => {
    await using other = await testInstall();
    const { docker, image, id } = install;
    const label = { [LABEL_INSTALL]: id };
    const helper = { ...label, [LABEL_OVERLAY]: 'sha256:x' };
    const name = (what: string): string => `${id}-${what}`;
    const make = (what: string, Labels: object) =>
      docker.createContainer({ name: name(what), Image: image, Labels: { ...Labels }, Cmd: ['true'] });
    await Promise.all([
      make('helper', helper),
      make('oldgate', { ...label, [LABEL_GATE]: 'x' }),
      make('unknown', label),
      make('cage', { ...helper, [LABEL_CAGE]: 'c' }),
      make('theirs', { ...helper, [LABEL_INSTALL]: `${id}0` }),
      docker.createVolume({ Name: name('volume'), Labels: label }),
      docker.createVolume({ Name: name('used'), Labels: label }),
      docker.createVolume({ Name: name('others'), Labels: { [LABEL_INSTALL]: other.id } }),
      docker.createNetwork({ Name: name('network'), Labels: label }),
    ]);
    const using = await docker.createContainer({
      name: name('using'),
      Image: image,
      HostConfig: { Mounts: [{ Type: 'volume', Source: name('used'), Target: '/x' }] as never },
    });
    try {
      const found = await direct.leftovers();
      const told = found.map(({ kind, name: of }) => `${kind} ${of.slice(id.length + 1)}`);
      expect(told.toSorted()).toEqual([
        'container helper',
        'container oldgate',
        'network network',
        'volume volume',
      ]);
      expect(found.find(({ name: of }) => of === name('helper'))?.patienceMs).toBeGreaterThan(600_000);
      const busy = { kind: 'volume', id: name('used'), name: 'used', why: '', patienceMs: 0 } as const;
      expect(await direct.discard(busy)).toBe(false);
      for (const one of found) expect(await direct.discard(one)).toBe(true);
      for (const one of found) expect(await direct.discard(one)).toBe(true);
      expect(await direct.leftovers()).toEqual([]);
      await docker.getVolume(name('others')).inspect();
      expect((await docker.getContainer(name('theirs')).inspect()).State.Status).toBe('created');
    } finally {
      await using.remove({ force: true });
      await removeInstall(docker, `${id}0`);
    }
  });
});

describe('cages that end', () => {
  test('are removed within a second of their end, many at once too, by the clock of the engine', async () => {
    const stop = new AbortController();
    const cages = Array.from({ length: 8 }, newId);
    const lost = ({ cageId }: CageEnded): Promise<void> => direct.destroy(cageId);
    const log = { warn: () => undefined } as never;
    const watching = new CageEnds({ runtime: direct, lost, log }).watch(stop.signal);
    const since = Math.floor(Date.now() / 1000) - 1;
    await Promise.all(cages.map((cageId) => direct.create(spec(cageId), bootstrapFor(cageId))));
    const label = [`${LABEL_INSTALL}=${install.id}`, LABEL_CAGE];
    const running = await install.docker.listContainers({ filters: { label } });
    const ours = running.filter(({ Labels }) => cages.includes(Labels[LABEL_CAGE]!));
    // By the kernel, so that the engine learns of it as of any end.
    const pids = await Promise.all(
      ours.map(async ({ Id }) => (await install.docker.getContainer(Id).inspect()).State.Pid),
    );
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await expect
      .poll(async () => (await direct.list()).filter(({ cageId }) => cages.includes(cageId)))
      .toEqual([]);
    stop.abort();
    await watching;
    const until = Math.ceil(Date.now() / 1000) + 1;
    const events = await text(
      await install.docker.getEvents({ since, until, filters: { event: ['die', 'destroy'], label } }),
    );
    const at = new Map<string, number>();
    const tookMs: number[] = [];
    for (const line of events.trim().split('\n')) {
      const { Action, id, timeNano } = JSON.parse(line) as { Action: string; id: string; timeNano: number };
      if (!ours.some(({ Id }) => Id === id)) continue;
      if (Action === 'die') at.set(id, timeNano);
      else tookMs.push((timeNano - at.get(id)!) / 1e6);
    }
    expect(tookMs).toHaveLength(cages.length);
    expect(Math.min(...tookMs)).toBeLessThan(1000);
    expect(tookMs.toSorted((a, b) => a - b)[cages.length / 2]).toBeLessThan(1000);
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
    await expect.poll(pid).not.toBe(before.Pid);
    const healthy = (): Promise<boolean> =>
      fetch(`http://127.0.0.1:${controller.port}/healthz`).then(
        (answer) => answer.ok,
        () => false,
      );
    await expect.poll(healthy).toBe(true);
    expect(await direct.gateAlive()).toBe(true);
  });

  test('that never answers is given up after its time, with what became of it', async () => {
    await using other = await testInstall();
    const silent = other.runtime({ gatePublicKeyPem: 'x', timeouts: { gateHealthyMs: 1 } });
    await expect(silent.prepare()).rejects.toMatchObject({ code: 'gate_unavailable', verdict: 'retryable' });
  });

  test('is waited for where the engine leaves a question after it open', async () => {
    await using other = await testInstall();
    const slow = other.runtime({ docker: { socketPath: proxy.socketPath }, timeouts: { askMs: 3_000 } });
    proxy.breakNext(/^GET .*\/containers\/[0-9a-f]{64}\/json/, 'swallow');
    await slow.prepare();
    expect(await slow.gateAlive()).toBe(true);
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
