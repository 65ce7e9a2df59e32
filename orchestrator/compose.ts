import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Vault } from '#vault/vault.ts';
import { openBase, type Step } from './compose/open-base.ts';
import { openLimiter } from './compose/open-limiter.ts';
import { serve } from './compose/serve.ts';
import type { Config } from './config.ts';
import { vaultEventKeys } from './events/event-keys.ts';
import { EventHub } from './events/event-hub.ts';
import { RedisStreamLog } from './events/stream-log.ts';
import { CageKeeper } from './launch/cage-keeper.ts';
import { CancelWatch } from './launch/cancel-watch.ts';
import { Dispatcher } from './launch/dispatcher.ts';
import { KeptCages } from './launch/kept-cages.ts';
import { Launcher } from './launch/launcher.ts';
import { Retries } from './launch/retries.ts';
import { Runs } from './launch/runs.ts';
import { StuckWatch } from './launch/stuck-watch.ts';
import { WarmSpares } from './launch/warm-spares.ts';
import { takeLease } from './lease/take-lease.ts';
import { CapabilityIssuer } from './link/capabilities.ts';
import { gateAnswers } from './link/gate-answers.ts';
import { RedisPeers } from './peers/redis-peers.ts';
import { DispatchQueue } from './queue/dispatch-queue.ts';
import { Adoption } from './reconcile/adoption.ts';
import { RedisEventStreams } from './reconcile/event-streams.ts';
import { GateKeep } from './reconcile/gate-keep.ts';
import { HomeLeftovers } from './reconcile/home-leftovers.ts';
import { Reaper } from './reconcile/reaper.ts';
import { Reconciler } from './reconcile/reconciler.ts';
import { TimeLimits } from './reconcile/time-limits.ts';
import { MOST_AT_ONCE } from './room/intake.ts';
import { MachineRoom } from './room/room.ts';
import { FileService } from './tasks/file-service.ts';
import { QueueBounds } from './tasks/queue-bounds.ts';
import { TaskService } from './tasks/task-service.ts';
import { TaskStops } from './tasks/task-stops.ts';
import { Telemetry } from './telemetry/telemetry.ts';
import { FileKeks } from './vault/file-keks.ts';
import { version } from './version.ts';
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

/** What launches in hand may take when the service stops; then they are left to whoever takes over. */
const LAUNCHES_END_MS = 2_500;
/** What requests under way have to end by themselves. */
const HTTP_END_MS = 2_000;

/** How long a receiver may take for one attempt. */
const WEBHOOK_MS = 10_000;

/** The only place that names concrete parts. `onStep` tells how long each took. */
export async function compose(config: Config, onStep: (name: string, ms: number) => void): Promise<Service> {
  const step: Step = async (name, work) => {
    const began = performance.now();
    const done = await work();
    onStep(name, performance.now() - began);
    return done;
  };
  await using undo = new AsyncDisposableStack();

  const { home, log, store, redis, runtime, cageImage } = await openBase(config, undo, step);
  const organisation = (await store.organisations.first()).id;
  const shredding = await FileShreddingKeys.open(join(home.path, 'shred'));
  const vault = new Vault({ keks: await FileKeks.open(join(home.path, 'kek')), shredding });
  const telemetry = new Telemetry();
  const streams = new RedisStreamLog(redis.connect({ lazyConnect: true }), { install: home.install });
  const events = new EventHub({
    log: streams,
    keys: vaultEventKeys(vault),
    rows: {
      ended: (ids) => store.tasks.endedAmong(ids),
      lastWord: async (of) => ({ kind: 'ended', ...(await tasks.get(of.organisation, of.task)) }),
    },
    say: log,
  });
  undo.defer(() => events.close());
  const limiter = await openLimiter(
    {
      redis,
      settings: store.settings,
      install: home.install,
      holdMs: config.limiterHoldMs,
      onError: () => telemetry.limiterFailed(),
    },
    undo,
  );
  const queue = new DispatchQueue({ connect: () => redis.connect(), install: home.install, log });
  undo.defer(() => queue.close());
  const capabilities = new CapabilityIssuer({
    install: home.install,
    privateKey: home.capabilityKey.privateKey,
  });

  const lease = await step('lease', () =>
    takeLease({
      orchestrators: store.orchestrators,
      home: home.path,
      version: version(),
      leaseMs: config.leaseMs,
      isAlone: config.databaseUrl === undefined,
      log,
      onLost: async () => {
        launcher.abandon();
        runs.release();
        await keeper.release();
      },
      onGone: () => reconciler.soon(),
    }),
  );
  const peers = new RedisPeers(redis.connect({ lazyConnect: true }), {
    install: home.install,
    self: () => lease.id,
  });
  undo.defer(() => peers.close());
  undo.defer(async () => {
    const orchestrator = lease.id;
    await lease.leave();
    await peers.tell({ kind: 'left', orchestrator });
  });
  peers.onNews(({ kind }) => {
    // What it held is free now.
    if (kind === 'left') reconciler.soon();
  });
  const dispatcher = new Dispatcher({ store, queue, log });
  const onPlace = (tenant: string): void => {
    launcher.placeFreed();
    void dispatcher.pokeAll(tenant);
  };
  const room = new MachineRoom({
    home: home.path,
    engineRoot: () => runtime.dataRoot(),
    engineAnswers: () => runtime.gateAlive(),
    least: config.leastFree,
    onRoom: () => onPlace(organisation),
  });
  undo.defer(() => room.close());
  void room.findEngine();
  const keeper: CageKeeper = new CageKeeper({
    runtime,
    cages: store.cages,
    places: store.places,
    lease,
    vault,
    capabilities,
    image: cageImage,
    orphanMs: config.orphanMs,
    pulseMs: config.pulseMs,
    maxCages: config.maxCages,
    room,
    onPlace,
    onLinkLost: (tenant, cage, reason) => {
      // Its attempt goes on under another orchestrator, or is ours to take up again.
      if (reason.code === 'link_superseded') runs.letGo(cage);
      else void (runs.ofCage(cage)?.fail(reason) ?? keeper.end(tenant, cage)).catch(() => undefined);
    },
    log,
  });
  undo.defer(() => keeper.release());
  const spares = new WarmSpares({
    keeper,
    cages: store.cages,
    claws: store.claws,
    organisations: store.organisations,
    room,
    perClaw: config.warmSpares,
    log,
  });
  const kept = new KeptCages({ store, keeper, log });
  const runs: Runs = new Runs({
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
  undo.defer(() => runs.lastWrites());
  undo.defer(() => runs.release());
  const launcher: Launcher = new Launcher({
    store,
    vault,
    limiter,
    queue,
    keeper,
    spares,
    lease,
    room,
    runs,
    capabilities,
    telemetry,
    permitWaitMs: config.permitWaitMs,
    log,
  });

  const files = new FileService({
    tasks: store.tasks,
    files: store.taskFiles,
    vault,
    resultFetchedMs: config.results.fetchedMs,
  });
  const bounds = new QueueBounds({
    tasks: store.tasks,
    maxQueued: config.maxQueued,
    onRefused: (level) => telemetry.taskRefused(level),
  });
  const stops = new TaskStops({
    store,
    runs,
    launcher,
    tellOthers: ({ organisation: of, id }) => void peers.tell({ kind: 'cancel', organisation: of, task: id }),
    log,
  });
  const tasks = new TaskService({
    store,
    vault,
    queue,
    stops,
    bounds,
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
  const clock = redis.connect({ lazyConnect: true });
  const adoption = new Adoption({
    store,
    runtime,
    keeper,
    runs,
    telemetry,
    limiter,
    events,
    organisation,
    isLaunching: (task) => launcher.isLaunching(task),
    diagnose: (cage, silentMs) => stuck.diagnose(cage, silentMs),
    log,
  });
  const reaper: Reaper = new Reaper({
    store,
    runtime,
    vault,
    shredding,
    home: new HomeLeftovers(home.path),
    streams: new RedisEventStreams(clock, home.install),
    self: () => lease.id,
    mayAct: () => lease.isHeld,
    cages: {
      end: (tenant, cage) => keeper.end(tenant, cage),
      lost: (_tenant, cage, details) => reconciler.lost(cage, details),
    },
    graceMs: config.graceMs,
    log,
  });
  const reconciler: Reconciler = new Reconciler({
    store,
    reaper,
    gate: new GateKeep({ runtime, answers: () => gateAnswers(runtime), log }),
    keeper,
    runs,
    spares,
    kept,
    dispatcher,
    adoption,
    organisation,
    log,
    runtime,
    everyMs: config.reconcileMs,
  });

  const stuck: StuckWatch = new StuckWatch({
    runtime,
    gateAnswers: () => gateAnswers(runtime),
    keeper,
    runs,
    organisation,
    pulseMs: config.pulseMs,
    log,
  });
  undo.defer(() => stuck.close());

  const cancels = new CancelWatch({ tasks: store.tasks, runs, launcher, peers, self: () => lease.id, log });
  undo.defer(() => cancels.close());
  const limits = new TimeLimits({ store, runs, organisation, everyMs: config.reconcileMs, log });

  const { app, readiness } = await serve({
    config,
    home,
    log,
    store,
    runtime,
    organisation,
    vault,
    telemetry,
    limiter,
    queue,
    room,
    capabilities,
    keeper,
    spares,
    runs,
    lease,
    peers,
    dispatcher,
    onPlace,
    tasks,
    files,
    bounds,
    webhooks,
    events,
    reaper,
    clock,
  });
  undo.defer(async () => {
    // A request that hangs must not keep the lease: that is left after this.
    await Promise.race([app.close(), pause(HTTP_END_MS, undefined, { ref: false })]);
    app.server.closeAllConnections();
  });
  await step('live events', () => streams.whenReady());
  await step('cages of before', () => adoption.takeOver());

  const rest = undo.move();
  return {
    async listen() {
      queue.start((dispatch) => launcher.launch(dispatch), MOST_AT_ONCE);
      reconciler.start();
      limits.start();
      cancels.start();
      stuck.start();
      deliveries.start();
      return await app.listen(config.http);
    },
    async close() {
      readiness.leave();
      const late = setTimeout(() => launcher.abandon(), LAUNCHES_END_MS);
      await Promise.race([
        Promise.all([queue.stop(), reconciler.close(), limits.close()]),
        pause(2 * LAUNCHES_END_MS, undefined, { ref: false }),
      ]);
      clearTimeout(late);
      await rest.disposeAsync();
    },
  };
}
