import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { TaskReply } from '#protocol/api.ts';
import type { Call } from '../../provider-sim/books.ts';
import type { Asked, Called, Facts, Left, Struck } from './books/facts.ts';
import { Caller } from './load/caller.ts';
import { TIMES, type World } from './world/world.ts';

const AGAIN_MS = 500;
/** For each of the last questions to the product. */
const ASK_MS = 120_000;
/** After the grace: rounds of the reaper, results whose time runs from when they were fetched, and the engine's own slowness. */
const REST_MS = 30_000;
const LEFT_MS = TIMES.graceMs + TIMES.resultMs + REST_MS;
/** What the reaper looks at more seldom, or leaves alone for longer (a key for a minute at least): one look, the grace, another look. */
const LATER_MS: Readonly<Record<string, number>> = {
  'shredding keys': 5 * TIMES.graceMs + 60_000 + 5 * TIMES.graceMs + REST_MS,
  'sealed files': 5 * TIMES.graceMs + TIMES.graceMs + 5 * TIMES.graceMs + REST_MS,
  'streams of events without an end': 60 * TIMES.graceMs + 60_000 + 60 * TIMES.graceMs + REST_MS,
};

/** The words of a failure are kept for a day, whoever reads them. */
const KEPT = `state <> 'succeeded' and sealed_result is not null and result_expires_at > clock_timestamp()`;

/** A call of the books, by what it noted itself. */
export function calledOf({ note, wall, totalTokens }: Call): Called {
  const [name = ''] = note?.split(' ') ?? [];
  const [, container] = /containers\/([0-9a-f]{12})/.exec(note ?? '') ?? [];
  return {
    name,
    arrivedMs: Date.parse(wall),
    tokens: totalTokens,
    ...(container !== undefined && { container }),
  };
}

/** All facts of a run, when its clients are done. Waits until nothing is left, or the time for that is over. */
export async function collectFacts(
  world: World,
  {
    asked,
    struck,
    forgotMs,
  }: { asked: readonly Asked[]; struck: readonly Struck[]; forgotMs: readonly number[] },
): Promise<Facts> {
  const again = await Promise.all(asked.map((one) => askedAgain(world, one)));
  const left = await whatIsLeft(world);
  const { history, lives, provider, options } = world;
  const [rows, steps, given] = await Promise.all([history.rows(), history.steps(), history.given()]);
  return {
    asked: again,
    rows,
    steps,
    given,
    lives: lives.all(),
    calls: provider
      .books()
      .filter(({ operation, note }) => operation === 'chat' && note !== null)
      .map(calledOf),
    struck,
    left,
    resultMs: TIMES.resultMs,
    crashes: world.crashes,
    caps: { kind: 'capped', ...options.caps },
    forgotMs,
  };
}

async function askedAgain(world: World, asked: Asked): Promise<Asked> {
  const [id] = asked.ids;
  if (id === undefined) return asked;
  const caller = new Caller(world.urls, world.token, asked.name.length);
  const answer = await caller.ask<TaskReply>('GET', `/api/v1/tasks/${id}`, performance.now() + ASK_MS);
  if (answer?.status !== 200) return asked;
  // Whatever is kept of it, its words of a failure also, counts as fetched from now on.
  await caller.ask('GET', `/api/v1/tasks/${id}/result`, performance.now() + ASK_MS);
  const { state, error } = answer.body.task;
  return { ...asked, again: { state, ...(error && { code: error.code }) } };
}

async function whatIsLeft(world: World): Promise<Left> {
  for (const claw of ['steady', 'careful', 'capped']) await world.ask('POST', `/api/v1/claws/${claw}/stop`);
  const beganMs = performance.now();
  for (;;) {
    const left = Object.entries(await lookAround(world)).filter(([, names]) => names.length > 0);
    const spentMs = performance.now() - beganMs;
    const overdue = left.filter(([of]) => spentMs >= (LATER_MS[of] ?? LEFT_MS));
    if (left.length === 0 || overdue.length > 0) return Object.fromEntries(overdue);
    await pause(AGAIN_MS);
  }
}

async function lookAround({ engine, history, home, install, redis }: World): Promise<Left> {
  const filters = { label: [`clawcage.install=${install}`] };
  const [containers, volumes, networks] = await Promise.all([
    engine.docker.listContainers({ all: true, filters }),
    engine.docker.listVolumes({ filters }),
    engine.docker.listNetworks({ filters }),
  ]);
  const gate = `clawcage-gate-${install}`;
  const client = redis.connect();
  const streams = await client.keys(`clawcage:${install}:*:events:*`);
  // A stream has its time after the end; one without any would stay for ever.
  const times = await Promise.all(streams.map(async (key) => [key, await client.pttl(key)] as const));
  client.disconnect();
  const shred = join(home.path, 'shred');
  const kept = await history.names(`select id as name from tasks where ${KEPT}`);
  return {
    containers: containers.map(({ Names }) => Names[0]!.slice(1)).filter((name) => name !== gate),
    volumes: (volumes.Volumes ?? []).map(({ Name }) => Name).filter((name) => name !== gate),
    networks: networks.map(({ Name }) => Name),
    'rows of cages': await history.names(`select id as name from cages`),
    'sealed inputs of ended tasks': await history.names(
      `select id as name from tasks where ended_at is not null and sealed_input is not null`,
    ),
    'sealed results': await history.names(
      `select id as name from tasks where sealed_result is not null and not (${KEPT})`,
    ),
    'sealed files': await history.names(`select distinct task_id as name from task_files`),
    'shredding keys': (existsSync(shred) ? readdirSync(shred) : []).filter((name) => !kept.includes(name)),
    'streams of events without an end': times.filter(([, ms]) => ms === -1).map(([key]) => key),
  };
}
