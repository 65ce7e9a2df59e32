import type { FastifyInstance } from 'fastify';
import { CodedError } from '#errors/coded-error.ts';
import type { Vault } from '#vault/vault.ts';
import { BackupService } from '../backup/backup-service.ts';
import { BatchService } from '../batches/batch-service.ts';
import { ClawService } from '../claws/claw-service.ts';
import type { Config } from '../config.ts';
import { Doctor } from '../doctor/doctor.ts';
import { examinations } from '../doctor/examinations.ts';
import type { EventHub } from '../events/event-hub.ts';
import { buildApp } from '../http/app.ts';
import { administratorOnly } from '../http/principal.ts';
import { KeyCheck } from '../keys/key-check.ts';
import { KeyService } from '../keys/key-service.ts';
import type { CageKeeper } from '../launch/cage-keeper.ts';
import type { Dispatcher } from '../launch/dispatcher.ts';
import type { Runs } from '../launch/runs.ts';
import type { WarmSpares } from '../launch/warm-spares.ts';
import type { Lease } from '../lease/lease.ts';
import type { Limiter } from '../limiter/limiter.ts';
import { LimitsService } from '../limits/limits-service.ts';
import type { CapabilityIssuer } from '../link/capabilities.ts';
import type { RedisPeers } from '../peers/redis-peers.ts';
import type { DispatchQueue } from '../queue/dispatch-queue.ts';
import type { Reaper } from '../reconcile/reaper.ts';
import { roomProbes } from '../room/probes.ts';
import type { MachineRoom } from '../room/room.ts';
import { readGauges } from '../status/read-gauges.ts';
import { limiterProbe, Readiness } from '../status/readiness.ts';
import { StatusService } from '../status/status-service.ts';
import type { CageRow } from '../store/cages-store.ts';
import type { FileService } from '../tasks/file-service.ts';
import { FunctionService } from '../tasks/function-service.ts';
import type { QueueBounds } from '../tasks/queue-bounds.ts';
import type { TaskService } from '../tasks/task-service.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { UsageService } from '../usage/usage-service.ts';
import { version } from '../version.ts';
import type { WebhookService } from '../webhooks/webhook-service.ts';
import type { Base } from './open-base.ts';
import type { Redis } from 'ioredis';

/** What it stands on, and what is behind the routes. */
interface Parts extends Pick<Base, 'home' | 'log' | 'store' | 'runtime'> {
  readonly organisation: string;
  readonly vault: Vault;
  /** A connection for questions of no hurry. */
  readonly clock: Redis;
  readonly config: Config;
  readonly limiter: Limiter;
  readonly queue: DispatchQueue;
  readonly room: MachineRoom;
  readonly capabilities: CapabilityIssuer;
  readonly keeper: CageKeeper;
  readonly spares: WarmSpares;
  readonly runs: Runs;
  readonly lease: Lease;
  readonly peers: RedisPeers;
  readonly dispatcher: Dispatcher;
  /** An organisation has another place for a cage, it may be: who waits for one looks again. */
  readonly onPlace: (organisation: string) => void;
  readonly tasks: TaskService;
  readonly files: FileService;
  readonly bounds: QueueBounds;
  readonly webhooks: WebhookService;
  readonly events: EventHub;
  readonly reaper: Reaper;
  readonly telemetry: Telemetry;
}

/** What people and programs see of the service: the HTTP API with the services behind its routes, and who answers to peers. */
export async function serve(parts: Parts): Promise<{ app: FastifyInstance; readiness: Readiness }> {
  const {
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
  } = parts;
  const check = new KeyCheck({ keeper, capabilities });
  const keys = new KeyService({ keys: store.keys, vault, check, allowHosts: config.gateAllowHosts });
  const batches = new BatchService({
    store,
    vault,
    bounds,
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
    limiter: limiterProbe(limiter),
    queue: () => queue.ping(),
    engine: async (signal) => void (await runtime.list(signal)),
    gate: async (signal) => {
      if (!(await runtime.gateAlive(signal))) throw new CodedError('gate_unavailable');
    },
    ...roomProbes(room),
  });
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
      room,
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
  telemetry.onScrape(() => readGauges({ store, queue, limiter, room, telemetry, organisation }));
  /** Whoever holds it: a task's cage goes with its task, one that waits for a task has no other use. */
  const endCage = async (tenant: string, { id, task: taskId }: CageRow): Promise<void> => {
    const task = taskId === null ? undefined : await store.tasks.byId(tenant, taskId);
    if (task && task.endedAt === null && task.state !== 'queued')
      await tasks.stopTask(task, 'cancelled', { reason: 'all cages were ended' });
    else if (!(await keeper.retire(tenant, id))) await keeper.end(tenant, id);
  };

  const functions = new FunctionService({
    tasks: store.tasks,
    runs,
    vault,
    peers,
    self: () => lease.id,
  });
  peers.onQuestion((question) => functions.answerPeer(question));

  const app = await buildApp({
    authenticate: administratorOnly(home.adminToken, organisation),
    logger: log,
    version: version(),
    keys,
    claws,
    tasks,
    functions,
    files,
    batches,
    webhooks,
    usage: status,
    usageReports: new UsageService(store),
    limits: new LimitsService({
      store,
      limiter,
      onMaxCages: (tenant) => {
        onPlace(tenant);
        spares.endAboveLater(tenant);
      },
    }),
    status,
    events,
    watching: tasks,
    readiness,
    doctor: {
      examine: (tenant, wish) => doctor.examine(tenant, wish),
      leftovers: () => reaper.leftovers(),
    },
    backups: new BackupService({ store, home: home.path, install: home.install, release: version(), log }),
    metrics: telemetry,
    cages: {
      endAll: async (tenant) => {
        const rows = await store.cages.list(tenant);
        await Promise.all(rows.map((row) => endCage(tenant, row)));
        return rows.length;
      },
    },
  });
  return { app, readiness };
}
