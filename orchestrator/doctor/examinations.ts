import { access, constants, stat, statfs } from 'node:fs/promises';
import type { CageKeeper } from '../launch/cage-keeper.ts';
import type { MachineRoom } from '../room/room.ts';
import type { Examination } from './doctor.ts';

export interface Installation {
  readonly home: string;
  readonly runtime: {
    readonly name: string;
    list(signal: AbortSignal): Promise<readonly unknown[]>;
    /** Images present and gate up. */
    prepare(signal: AbortSignal): Promise<void>;
    gateAlive(signal: AbortSignal): Promise<boolean>;
  };
  readonly keeper: Pick<CageKeeper, 'open' | 'end'>;
  readonly room: Pick<MachineRoom, 'shortage' | 'memoryShortage' | 'intake'>;
  readonly redis: { ping(): Promise<void>; now(): Promise<Date> };
  readonly store: { ping(signal: AbortSignal): Promise<void>; now(): Promise<Date> };
}

/** A permit is a matter of seconds: a clock that is off by more makes times in reports and deadlines wrong. */
const CLOCK_LIMIT_MS = 2000;
const DISK_LEAST_BYTES = 1024 ** 3;
const GIB = 1024 ** 3;

/** Everything that an installation needs to run a task, in the order in which it is shown. */
export function examinations({ home, runtime, keeper, room, redis, store }: Installation): Examination[] {
  return [
    {
      name: 'engine',
      remedy:
        'start the container engine, or check DOCKER_HOST: docker info has to answer for the user of the service',
      run: async (_organisation, signal) => `${runtime.name}, ${(await runtime.list(signal)).length} cages`,
    },
    {
      name: 'images',
      remedy: 'run make setup: it builds the images of cage and gate',
      limitMs: 60_000,
      run: async (_organisation, signal) => void (await runtime.prepare(signal)),
    },
    {
      name: 'gate',
      remedy: 'the service brings it back by itself; where it does not, look at docker logs of the gate',
      run: async (_organisation, signal) => {
        if (!(await runtime.gateAlive(signal))) throw new Error('its container does not run');
        return undefined;
      },
    },
    {
      name: 'cage',
      remedy:
        'no key is handed out until this holds: see docs/configuration.md, and SECURITY.md for what is proven',
      limitMs: 45_000,
      run: (organisation) => proveCage(keeper, organisation),
    },
    {
      name: 'redis',
      remedy: 'make setup installs it; CLAWCAGE_REDIS_URL names another',
      run: async () => void (await redis.ping()),
    },
    {
      name: 'store',
      remedy: 'check CLAWCAGE_DATABASE_URL, or the disk under CLAWCAGE_HOME',
      run: async (_organisation, signal) => void (await store.ping(signal)),
    },
    {
      name: 'clock',
      remedy: 'let NTP set the clocks of the machines of service, Redis and database',
      run: async () => compareClocks([await timed('Redis', redis), await timed('the database', store)]),
    },
    {
      name: 'disk',
      remedy: 'make room on the file system of CLAWCAGE_HOME',
      run: () => checkDisk(home),
    },
    {
      name: 'room',
      remedy:
        'make room on the disks of home and engine, or memory; CLAWCAGE_MIN_FREE_DISK_MIB and CLAWCAGE_MIN_FREE_MEMORY_MIB say how much has to be left',
      run: () => checkRoom(room),
    },
    {
      name: 'home',
      remedy: `give it to the user of the service alone: chmod 700 ${home}`,
      run: () => checkHome(home),
    },
  ];
}

/** A cage that is opened for nothing but its proof. */
async function proveCage(keeper: Installation['keeper'], organisation: string): Promise<string> {
  const cage = await keeper.open({ organisation, claw: null }, 'verify');
  try {
    return `the agent cannot read the key: ${cage.hello.proof.checks.length} checks`;
  } finally {
    await keeper.end(organisation, cage.cageId);
  }
}

interface Clock {
  readonly name: string;
  /** How far it is ahead of ours. */
  readonly aheadMs: number;
}

/** The time of the question counts half on each way. */
async function timed(name: string, part: { now(): Promise<Date> }): Promise<Clock> {
  const before = Date.now();
  const theirs = (await part.now()).getTime();
  return { name, aheadMs: theirs - (before + Date.now()) / 2 };
}

export function compareClocks(clocks: readonly Clock[]): string {
  const off = clocks.filter(({ aheadMs }) => Math.abs(aheadMs) > CLOCK_LIMIT_MS);
  const words = ({ name, aheadMs }: Clock): string =>
    `that of ${name} is ${(Math.abs(aheadMs) / 1000).toFixed(1)} s ${aheadMs > 0 ? 'ahead' : 'behind'}`;
  if (off.length > 0) throw new Error(off.map(words).join(', '));
  return `at most ${Math.round(Math.max(...clocks.map(({ aheadMs }) => Math.abs(aheadMs))))} ms apart`;
}

async function checkDisk(home: string): Promise<string> {
  const { bavail, bsize } = await statfs(home);
  const free = bavail * bsize;
  if (free < DISK_LEAST_BYTES) throw new Error(`only ${(free / GIB).toFixed(2)} GiB are free`);
  return `${(free / GIB).toFixed(1)} GiB free`;
}

/** Whether a cage could be started now. */
async function checkRoom(room: Installation['room']): Promise<string> {
  const short = (await room.shortage()) ?? (await room.memoryShortage());
  if (short !== undefined) throw new Error(`too little ${short}: tasks wait`);
  const { limit, most } = room.intake;
  if (limit < most) throw new Error(`the engine is slow: ${limit} of ${most} cages are started at once`);
  return `for ${most} starts at once`;
}

/** It holds the keys that everything is sealed with. */
async function checkHome(home: string): Promise<string> {
  await access(home, constants.R_OK | constants.W_OK);
  const mode = (await stat(home)).mode & 0o777;
  if ((mode & 0o077) !== 0) throw new Error(`others may look into it (mode ${mode.toString(8)})`);
  return home;
}
