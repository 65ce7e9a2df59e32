import { setTimeout as pause } from 'node:timers/promises';
import type { Struck } from './books/facts.ts';
import { FAULTS, type Fault, type Strike } from './plan.ts';
import type { Orchestrator } from './world/orchestrator.ts';
import { strikeCage, type CageProcess } from './world/strike-cage.ts';
import type { World } from './world/world.ts';

/** What a fault was done to, where it is a container; `missed` where there was nothing to do it to. */
type Done = { readonly container?: string } | 'missed' | void;
type Deed = (world: World, strike: Strike) => Promise<Done>;

const HOUR_SECONDS = 3600;
const CAGE_WAIT_MS = 8_000;
const CAGE_AGAIN_MS = 250;

const orchestrator = ({ orchestrators }: World, { target }: Strike): Orchestrator =>
  orchestrators[target % orchestrators.length]!;

/** The cages that have a task, by their containers, from the one that the plan means on. */
async function runningCages(world: World, { target }: Strike): Promise<string[]> {
  const given = new Set((await world.history.given()).map(({ cage }) => cage));
  const running = world.lives.all().filter(({ cage, goneMs }) => goneMs === undefined && given.has(cage));
  const at = target % Math.max(1, running.length);
  return [...running.slice(at), ...running.slice(0, at)].map(({ container }) => container);
}

/** Does it to the first cage that it can be done to; waits a moment where there is none. */
const toCage =
  (deed: (world: World, container: string) => Promise<boolean>): Deed =>
  async (world, strike) => {
    const end = performance.now() + CAGE_WAIT_MS;
    while (performance.now() < end) {
      for (const container of await runningCages(world, strike).catch(() => []))
        if (await deed(world, container).catch(() => false)) return { container };
      await pause(CAGE_AGAIN_MS);
    }
    return 'missed';
  };

const inCage = (which: CageProcess, signal: 'KILL' | 'STOP'): Deed =>
  toCage((world, container) => strikeCage(world.engine.docker, container, which, signal));

const ofEngine = (verb: 'remove' | 'pause'): Deed =>
  toCage(async ({ engine }, container) => {
    const cage = engine.docker.getContainer(container);
    try {
      await (verb === 'remove' ? cage.remove({ force: true }) : cage.pause());
    } catch (error) {
      // One that is busy may do it and answer that it could not.
      if (((error as { statusCode?: number }).statusCode ?? 0) < 500) throw error;
    }
    return true;
  });

const clock =
  (seconds: number): Deed =>
  async (world, { target, lastsMs }) => {
    const stepped = world.clocks[target % world.clocks.length];
    if (!stepped) return 'missed';
    stepped.step(seconds);
    await pause(lastsMs);
    stepped.step(0);
  };

const gateOf = (world: World) => world.engine.docker.getContainer(`clawcage-gate-${world.install}`);

const DEEDS: Record<Fault, Deed> = {
  async orchestrator_killed(world, strike) {
    const one = orchestrator(world, strike);
    await one.down('SIGKILL');
    await pause(strike.lastsMs);
    await one.up();
  },
  async orchestrators_all_killed(world, { lastsMs }) {
    await Promise.all(world.orchestrators.map((one) => one.down('SIGKILL')));
    await pause(lastsMs);
    await Promise.all(world.orchestrators.map((one) => one.up()));
  },
  async orchestrator_slept(world, strike) {
    const one = orchestrator(world, strike);
    one.signal('SIGSTOP');
    await pause(strike.lastsMs);
    one.signal('SIGCONT');
  },
  async redis_killed({ redis }, { lastsMs }) {
    await redis.kill();
    await pause(lastsMs);
    await redis.start();
  },
  async redis_flushed({ redis }) {
    const client = redis.connect();
    await client.flushall();
    client.disconnect();
  },
  async redis_old_log({ redis, redisLog }, { lastsMs }) {
    redisLog.take();
    await pause(lastsMs);
    await redis.kill();
    redisLog.putBack();
    await redis.start();
  },
  async database_killed({ postgres }, { lastsMs }) {
    await postgres.kill();
    await pause(lastsMs);
    await postgres.resume();
  },
  async engine_restarted({ ownEngine }, { lastsMs }) {
    if (!ownEngine) return 'missed';
    await ownEngine.down('SIGKILL');
    await pause(lastsMs);
    await ownEngine.up(false);
    // The next one is to outlive again what it runs.
    await ownEngine.down('SIGTERM');
    await ownEngine.up(true);
  },
  async engine_killed_live({ ownEngine }, { lastsMs }) {
    if (!ownEngine) return 'missed';
    await ownEngine.down('SIGKILL');
    await pause(lastsMs);
    await ownEngine.up(true);
  },
  async gate_killed(world) {
    await gateOf(world).kill();
  },
  async gate_paused(world, { lastsMs }) {
    await gateOf(world).pause();
    await pause(lastsMs);
    // It may have been replaced meanwhile.
    await gateOf(world)
      .unpause()
      .catch(() => undefined);
  },
  warden_killed: inCage('warden', 'KILL'),
  warden_stopped: inCage('warden', 'STOP'),
  meter_killed: inCage('meter', 'KILL'),
  meter_stopped: inCage('meter', 'STOP'),
  agent_killed: inCage('agent', 'KILL'),
  container_removed: ofEngine('remove'),
  container_paused: ofEngine('pause'),
  async network_cut({ wire }, { lastsMs }) {
    wire.cut();
    await pause(lastsMs);
    wire.mend();
  },
  async network_silent({ wire }, { lastsMs }) {
    wire.fallSilent();
    await pause(lastsMs);
    wire.mend();
  },
  async home_full({ home }, { lastsMs }) {
    if (!home.canBeFull) return 'missed';
    try {
      home.fill();
      await pause(lastsMs);
    } finally {
      home.empty();
    }
  },
  clock_forward: clock(HOUR_SECONDS),
  clock_back: clock(-HOUR_SECONDS),
};

/** What cannot be done in that world. */
export function impossibleIn(world: World): Fault[] {
  return FAULTS.filter(
    (fault) =>
      (fault.startsWith('engine_') && !world.ownEngine) ||
      (fault === 'home_full' && !world.home.canBeFull) ||
      (fault.startsWith('clock_') && world.clocks.length === 0),
  );
}

/** Does what a plan says, each at its time, whatever still goes on of those before. */
export class Striker {
  readonly #world: World;
  readonly #onDone: (strike: Strike, outcome: string) => void;
  readonly struck: Struck[] = [];
  readonly missed: Strike[] = [];
  /** One thing at a time is done to each part: two kills of one server would start it twice. */
  readonly #turns = new Map<string, Promise<void>>();

  constructor(world: World, onDone: (strike: Strike, outcome: string) => void) {
    this.#world = world;
    this.#onDone = onDone;
  }

  async follow(plan: readonly Strike[]): Promise<void> {
    const beganMs = performance.now();
    const running: Promise<void>[] = [];
    for (const strike of plan) {
      await pause(Math.max(0, strike.atMs - (performance.now() - beganMs)));
      running.push(this.#inTurn(strike));
    }
    await Promise.all(running);
  }

  #inTurn(strike: Strike): Promise<void> {
    const part = strike.fault.split('_')[0]!.replace(/s$/, '');
    const before = this.#turns.get(part) ?? Promise.resolve();
    const turn = before.then(() => this.#strike(strike));
    this.#turns.set(part, turn);
    return turn;
  }

  async #strike(strike: Strike): Promise<void> {
    const beganMs = Date.now();
    try {
      const done = await DEEDS[strike.fault](this.#world, strike);
      if (done === 'missed') this.missed.push(strike);
      else this.struck.push({ fault: strike.fault, beganMs, endedMs: Date.now(), ...done });
      this.#onDone(strike, done === 'missed' ? 'nothing to strike' : 'done');
    } catch (error) {
      // What it was to strike was gone, or another fault was there first; it may have been done by half.
      this.struck.push({ fault: strike.fault, beganMs, endedMs: Date.now() });
      this.#onDone(strike, `came across another: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
