import { writeFile, rm } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '#errors/coded-error.ts';
import type { Runtime } from '#runtime/runtime.ts';
import { Vault } from '#vault/vault.ts';
import { imageTags } from '../ops/image-tags.ts';
import { ClawService } from './claws/claw-service.ts';
import type { Config } from './config.ts';
import { EventHub } from './events/event-hub.ts';
import { openHome, type Home } from './home/home.ts';
import { buildApp } from './http/app.ts';
import { administratorOnly } from './http/principal.ts';
import { KeyCheck } from './keys/key-check.ts';
import { KeyService } from './keys/key-service.ts';
import { CageKeeper } from './launch/cage-keeper.ts';
import { Dispatcher } from './launch/dispatcher.ts';
import { Launcher } from './launch/launcher.ts';
import { Runs } from './launch/runs.ts';
import { WarmSpares } from './launch/warm-spares.ts';
import { Limiter } from './limiter/limiter.ts';
import { CapabilityIssuer } from './link/capabilities.ts';
import { openLog } from './log.ts';
import { DispatchQueue } from './queue/dispatch-queue.ts';
import { Adoption } from './reconcile/adoption.ts';
import { Reconciler } from './reconcile/reconciler.ts';
import { startRedis } from './redis/start-redis.ts';
import { DockerRuntime } from './runtimes/docker/index.ts';
import { FakeRuntime } from './runtimes/fake/index.ts';
import { Readiness } from './status/readiness.ts';
import { StatusService } from './status/status-service.ts';
import { openStore } from './store/store.ts';
import { TaskService } from './tasks/task-service.ts';
import { Telemetry } from './telemetry/telemetry.ts';
import { FileKeks } from './vault/file-keks.ts';
import { FileShreddingKeys } from './vault/file-shredding-keys.ts';

export interface Service {
  /** Listens, and takes jobs; the address. */
  listen(): Promise<string>;
  /** Takes no more jobs, lets go of the cages, which run on, and closes everything in reverse. */
  close(): Promise<void>;
}

/** Launches that may go on at once: each is mostly waiting for the engine. */
const LAUNCHES = 4;

/** The only place that names concrete parts. `onStep` tells how long each took. */
export async function compose(config: Config, onStep: (name: string, ms: number) => void): Promise<Service> {
  const step = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const began = performance.now();
    const done = await work();
    onStep(name, performance.now() - began);
    return done;
  };
  await using undo = new AsyncDisposableStack();

  const home = await step('home', () => openHome(config.home));
  const log = openLog(config.home, config.logLevel);
  const [store, redis, runtime] = await Promise.all([
    step('store', () => openStore({ home: config.home, ...(config.databaseUrl !== undefined && { databaseUrl: config.databaseUrl }), log })),
    step('redis', () => startRedis({ home: config.home, ...(config.redisUrl !== undefined && { url: config.redisUrl }), log })),
    step('engine and gate', () => startRuntime(config, home)),
  ]);
  undo.defer(() => store.close());
  undo.defer(() => redis.close());
  undo.defer(() => runtime.runtime.close());

  const organisation = (await store.organisations.first()).id;
  const vault = new Vault({ keks: await FileKeks.open(join(home.path, 'kek')), shredding: await FileShreddingKeys.open(join(home.path, 'shred')) });
  const telemetry = new Telemetry();
  const events = new EventHub();
  const limiter = new Limiter(redis.connect(), { install: home.install, holdMs: config.limiterHoldMs });
  undo.defer(() => limiter.close());
  const queue = new DispatchQueue({ connect: () => redis.connect(), install: home.install, log });
  undo.defer(() => queue.close());
  const capabilities = new CapabilityIssuer({ install: home.install, privateKey: home.capabilityKey.privateKey });

  const keeper = new CageKeeper({
    runtime: runtime.runtime,
    cages: store.cages,
    vault,
    capabilities,
    image: runtime.cageImage,
    orphanMs: config.orphanMs,
    maxCages: config.maxCages,
    log,
  });
  undo.defer(() => keeper.release());
  const dispatcher = new Dispatcher({ store, queue, log });
  const spares = new WarmSpares({ keeper, cages: store.cages, perClaw: config.warmSpares, log });
  const runs = new Runs({
    store,
    vault,
    limiter,
    events,
    keeper,
    telemetry,
    resultUnfetchedMs: config.results.unfetchedMs,
    log,
    onFree: (tenant, claw) => void dispatcher.poke(tenant, claw),
  });
  undo.defer(() => runs.release());
  const launcher = new Launcher({ store, vault, limiter, queue, keeper, spares, runs, capabilities, telemetry, permitWaitMs: config.permitWaitMs, log });

  const check = new KeyCheck({ keeper, capabilities });
  const keys = new KeyService({ keys: store.keys, vault, check, allowHosts: config.gateAllowHosts });
  const tasks = new TaskService({ store, vault, queue, runs, resultFetchedMs: config.results.fetchedMs, log });
  const claws = new ClawService({
    store,
    keys,
    tasks,
    runtime: runtime.runtime,
    spares,
    runs,
    telemetry,
    poke: (tenant, claw) => dispatcher.poke(tenant, claw),
  });
  const readiness = new Readiness({
    store: (signal) => store.ping(signal),
    redis: () => limiter.ping(),
    queue: () => queue.ping(),
    engine: async (signal) => void (await runtime.runtime.list(signal)),
    gate: async (signal) => {
      if (!(await runtime.runtime.gateAlive(signal))) throw new CodedError('gate_unavailable');
    },
  });
  const status = new StatusService({ store, limiter, readiness, install: home.install, version: version() });
  const adoption = new Adoption({ store, runtime: runtime.runtime, keeper, runs, telemetry, organisation, log });
  const reconciler = new Reconciler({
    ...{ store, vault, keeper, runs, spares, dispatcher, adoption, events, organisation, log },
    runtime: runtime.runtime,
    everyMs: config.reconcileMs,
  });

  const app = await buildApp({
    authenticate: administratorOnly(home.adminToken, organisation),
    logger: log,
    keys,
    claws,
    tasks,
    usage: status,
    status,
    events,
    watching: tasks,
    readiness,
    metrics: telemetry,
    cages: {
      endAll: async () => {
        for (const run of runs.all()) run.stop('cancelled', { reason: 'all cages were ended' });
        const rows = await store.cages.list(organisation);
        await Promise.all(rows.filter((row) => !runs.ofCage(row.id)).map((row) => keeper.end(organisation, row.id)));
        return rows.length;
      },
    },
  });
  undo.defer(() => app.close());
  await step('cages of before', () => adoption.takeOver());

  const rest = undo.move();
  const pidFile = join(home.path, 'clawcage.pid');
  return {
    async listen() {
      queue.start((dispatch) => launcher.launch(dispatch), LAUNCHES);
      reconciler.start();
      const url = await app.listen(config.http);
      await writeFile(pidFile, JSON.stringify({ pid: process.pid, url }), { mode: 0o600 });
      return url;
    },
    async close() {
      await rm(pidFile, { force: true });
      await Promise.all([queue.stop(), reconciler.close()]);
      await rest.disposeAsync();
      events.close();
    },
  };
}

async function startRuntime(config: Config, home: Home): Promise<{ runtime: Runtime; cageImage: string }> {
  if (config.runtime === 'fake') return { runtime: new FakeRuntime(), cageImage: 'fake' };
  const images = await imageTags();
  const runtime = new DockerRuntime({
    install: home.install,
    images,
    gatePublicKeyPem: home.capabilityKey.publicPem,
    gateAllowHosts: config.gateAllowHosts,
    ...(config.dockerHost !== undefined && { dockerHost: config.dockerHost }),
  });
  await runtime.prepare();
  return { runtime, cageImage: images.cage };
}

function version(): string {
  return (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version;
}
