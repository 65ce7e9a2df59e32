import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '#errors/coded-error.ts';
import type { Runtime } from '#runtime/runtime.ts';
import { Vault } from '#vault/vault.ts';
import { imageTags } from '../ops/image-tags.ts';
import { BatchService } from './batches/batch-service.ts';
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
import { KeptCages } from './launch/kept-cages.ts';
import { Launcher } from './launch/launcher.ts';
import { Retries } from './launch/retries.ts';
import { Runs } from './launch/runs.ts';
import { WarmSpares } from './launch/warm-spares.ts';
import { Limiter } from './limiter/limiter.ts';
import { CapabilityIssuer } from './link/capabilities.ts';
import { openLog } from './log.ts';
import { Doctor } from './doctor/doctor.ts';
import { examinations } from './doctor/examinations.ts';
import { DispatchQueue } from './queue/dispatch-queue.ts';
import { Adoption } from './reconcile/adoption.ts';
import { Reconciler } from './reconcile/reconciler.ts';
import { startRedis, type RedisService } from './redis/start-redis.ts';
import { engineOptions } from './runtimes/docker/engine-address.ts';
import { DockerRuntime } from './runtimes/docker/index.ts';
import { FakeRuntime } from './runtimes/fake/index.ts';
import { Readiness } from './status/readiness.ts';
import { StatusService } from './status/status-service.ts';
import { readGauges } from './status/read-gauges.ts';
import { openStore, type Store } from './store/store.ts';
import { FileService } from './tasks/file-service.ts';
import { FunctionService } from './tasks/function-service.ts';
import { TaskService } from './tasks/task-service.ts';
import { Telemetry } from './telemetry/telemetry.ts';
import { UsageService } from './usage/usage-service.ts';
import { FileKeks } from './vault/file-keks.ts';
import { FileShreddingKeys } from './vault/file-shredding-keys.ts';
import { DeliveryWorker } from './webhooks/delivery-worker.ts';
import { Poster } from './webhooks/post.ts';
import { WebhookSecrets } from './webhooks/webhook-secrets.ts';
import { WebhookService } from './webhooks/webhook-service.ts';

export interface Service {
  /** Listens, and takes jobs; the address. */
  listen(): Promise<string>;
  /** Takes no more jobs, lets go of the cages, which run on, and closes everything in reverse. */
  close(): Promise<void>;
}

/** Launches that may go on at once: each is mostly waiting for the engine. */
const LAUNCHES = 4;

/** How long a receiver may take for one attempt. */
const WEBHOOK_MS = 10_000;

/** The Redis that holds the limiter's books; unset after an orderly stop of our own, which has written everything down. */
const RUN_ID = 'limiter.runId';

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
  // All are waited for, also where one fails: what did open is closed again.
  const opening = await Promise.allSettled([
    step('store', () =>
      openStore({
        home: config.home,
        ...(config.databaseUrl !== undefined && { databaseUrl: config.databaseUrl }),
        log,
      }),
    ),
    step('redis', () =>
      startRedis({ home: config.home, ...(config.redisUrl !== undefined && { url: config.redisUrl }), log }),
    ),
    step('engine and gate', () => startRuntime(config, home)),
  ]);
  for (const part of opening) if (part.status === 'fulfilled') undo.defer(() => part.value.close());
  const [store, redis, { runtime, cageImage }] = opening.map((part) => {
    if (part.status === 'rejected') throw part.reason;
    return part.value;
  }) as unknown as [Store, RedisService, StartedRuntime];

  const organisation = (await store.organisations.first()).id;
  const shredding = await FileShreddingKeys.open(join(home.path, 'shred'));
  const vault = new Vault({ keks: await FileKeks.open(join(home.path, 'kek')), shredding });
  const telemetry = new Telemetry();
  const events = new EventHub();
  const lastRunId = await store.settings.get(RUN_ID);
  const limiter = new Limiter(redis.connect(), {
    install: home.install,
    holdMs: config.limiterHoldMs,
    ...(typeof lastRunId === 'string' && { lastRunId }),
    onRunId: (runId) => void store.settings.set(RUN_ID, runId).catch(() => undefined),
    onError: () => telemetry.limiterFailed(),
  });
  undo.defer(async () => {
    await limiter.close();
    if (redis.pid !== undefined) await store.settings.set(RUN_ID, null);
  });
  const queue = new DispatchQueue({ connect: () => redis.connect(), install: home.install, log });
  undo.defer(() => queue.close());
  const capabilities = new CapabilityIssuer({
    install: home.install,
    privateKey: home.capabilityKey.privateKey,
  });

  const dispatcher = new Dispatcher({ store, queue, log });
  const keeper = new CageKeeper({
    runtime,
    cages: store.cages,
    vault,
    capabilities,
    image: cageImage,
    orphanMs: config.orphanMs,
    maxCages: config.maxCages,
    onPlace: (tenant) => {
      launcher.placeFreed();
      void dispatcher.pokeAll(tenant);
    },
    log,
  });
  undo.defer(() => keeper.release());
  const spares = new WarmSpares({
    keeper,
    cages: store.cages,
    claws: store.claws,
    perClaw: config.warmSpares,
    log,
  });
  const kept = new KeptCages({ store, keeper, log });
  const runs = new Runs({
    store,
    vault,
    limiter,
    events,
    keeper,
    kept,
    retries: new Retries({ store, queue, log }),
    telemetry,
    resultUnfetchedMs: config.results.unfetchedMs,
    log,
    onFinal: (task) => void webhooks.taskEnded(task),
    onFree: (tenant, claw) => {
      launcher.placeFreed();
      void dispatcher.poke(tenant, claw);
    },
  });
  undo.defer(() => runs.release());
  const launcher: Launcher = new Launcher({
    store,
    vault,
    limiter,
    queue,
    keeper,
    spares,
    kept,
    runs,
    capabilities,
    telemetry,
    permitWaitMs: config.permitWaitMs,
    log,
  });

  const check = new KeyCheck({ keeper, capabilities });
  const keys = new KeyService({ keys: store.keys, vault, check, allowHosts: config.gateAllowHosts });
  const files = new FileService({
    tasks: store.tasks,
    files: store.taskFiles,
    vault,
    resultFetchedMs: config.results.fetchedMs,
  });
  const tasks = new TaskService({
    store,
    vault,
    queue,
    runs,
    files,
    resultFetchedMs: config.results.fetchedMs,
    log,
  });
  const secrets = new WebhookSecrets({ organisations: store.organisations, vault });
  const deliveries = new DeliveryWorker({
    deliveries: store.deliveries,
    secrets,
    poster: new Poster({ gate: () => runtime.gate().controller, capabilities, limitMs: WEBHOOK_MS }),
    telemetry,
    report: (tenant, task) => tasks.get(tenant, task),
    log,
  });
  undo.defer(() => deliveries.close());
  const webhooks: WebhookService = new WebhookService({
    store,
    secrets,
    log,
    onEnqueued: () => deliveries.wake(),
  });
  const batches = new BatchService({
    store,
    vault,
    tasks,
    poke: (tenant, claw) => dispatcher.poke(tenant, claw),
  });
  const claws = new ClawService({
    store,
    keys,
    tasks,
    runtime,
    spares,
    telemetry,
    poke: (tenant, claw) => dispatcher.poke(tenant, claw),
  });
  const readiness = new Readiness({
    store: (signal) => store.ping(signal),
    redis: () => limiter.ping(),
    queue: () => queue.ping(),
    engine: async (signal) => void (await runtime.list(signal)),
    gate: async (signal) => {
      if (!(await runtime.gateAlive(signal))) throw new CodedError('gate_unavailable');
    },
  });
  const clock = redis.connect({ lazyConnect: true });
  const doctor = new Doctor(
    examinations({
      home: home.path,
      runtime: {
        name: runtime.facts.name,
        list: (signal) => runtime.list(signal),
        prepare: (signal) => runtime.prepare(signal),
        gateAlive: (signal) => runtime.gateAlive(signal),
      },
      keeper,
      redis: {
        ping: () => limiter.ping(),
        now: async () => {
          const [seconds, microseconds] = await clock.time();
          return new Date(Number(seconds) * 1000 + Number(microseconds) / 1000);
        },
      },
      store,
    }),
  );
  const status = new StatusService({ store, limiter, readiness, install: home.install, version: version() });
  telemetry.onScrape(() => readGauges({ store, queue, limiter, telemetry, organisation }));
  const adoption = new Adoption({
    store,
    runtime,
    keeper,
    runs,
    telemetry,
    limiter,
    organisation,
    isLaunching: (task) => launcher.isLaunching(task),
    log,
  });
  const reconciler = new Reconciler({
    store,
    vault,
    shredding,
    keeper,
    runs,
    spares,
    kept,
    dispatcher,
    adoption,
    isLaunching: (task) => launcher.isLaunching(task),
    events,
    organisation,
    log,
    runtime,
    everyMs: config.reconcileMs,
  });

  const app = await buildApp({
    authenticate: administratorOnly(home.adminToken, organisation),
    logger: log,
    version: version(),
    keys,
    claws,
    tasks,
    functions: new FunctionService({ tasks: store.tasks, runs }),
    files,
    batches,
    webhooks,
    usage: status,
    usageReports: new UsageService(store),
    status,
    events,
    watching: tasks,
    readiness,
    doctor,
    metrics: telemetry,
    cages: {
      endAll: async (tenant) => {
        for (const run of runs.all())
          if (run.attempt.organisation === tenant) run.stop('cancelled', { reason: 'all cages were ended' });
        const rows = await store.cages.list(tenant);
        await Promise.all(
          rows.filter((row) => !runs.ofCage(row.id)).map((row) => keeper.end(tenant, row.id)),
        );
        return rows.length;
      },
    },
  });
  undo.defer(() => app.close());
  await step('cages of before', () => adoption.takeOver());

  const rest = undo.move();
  return {
    async listen() {
      queue.start((dispatch) => launcher.launch(dispatch), LAUNCHES);
      reconciler.start();
      deliveries.start();
      return await app.listen(config.http);
    },
    async close() {
      await Promise.all([queue.stop(), reconciler.close()]);
      await rest.disposeAsync();
      events.close();
    },
  };
}

interface StartedRuntime {
  readonly runtime: Runtime;
  readonly cageImage: string;
  close(): Promise<void>;
}

async function startRuntime(config: Config, home: Home): Promise<StartedRuntime> {
  if (config.runtime === 'fake') return started(new FakeRuntime(), 'fake');
  const images = await imageTags();
  const runtime = new DockerRuntime({
    install: home.install,
    images,
    gatePublicKeyPem: home.capabilityKey.publicPem,
    gateAllowHosts: config.gateAllowHosts,
    // The first opening of PGlite keeps this process busy for seconds, more on a slow machine.
    timeouts: { gateHealthyMs: 45_000 },
    docker: engineOptions({ dockerHost: config.dockerHost }),
  });
  await runtime.prepare();
  return started(runtime, images.cage);
}

const started = (runtime: Runtime, cageImage: string): StartedRuntime => ({
  runtime,
  cageImage,
  close: () => runtime.close(),
});

function version(): string {
  return (
    JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
  ).version;
}
