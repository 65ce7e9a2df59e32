import { existsSync } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { DoctorCheck } from '#protocol/api.ts';
import { imageTags } from '../../ops/image-tags.ts';
import type { Cli } from '../cli.ts';
import { askEngine, engineAddress } from '../engine/ask-engine.ts';
import { bindError } from '../service/start-service.ts';

const engineInfo = z.looseObject({ ServerVersion: z.string(), DockerRootDir: z.string().optional() });

/** As the service's checks: what was found, or a thrown reason. */
interface LocalCheck {
  readonly name: string;
  readonly remedy: string;
  run(): Promise<string | undefined>;
}

const GIB = 1024 ** 3;
/** The images take half a gigabyte, and the engine stops being of use when its disk is full. */
const ENGINE_LEAST_BYTES = 2 * GIB;

/** What can be seen from here where the service does not run: whether it could. */
export function checksWithoutService(cli: Cli): Promise<DoctorCheck[]> {
  const { env } = cli.terminal;
  const { home, host, port } = cli.place;
  return runAll([
    {
      name: 'engine',
      remedy: 'start the container engine (make setup installs it), or check DOCKER_HOST',
      run: async () => `version ${(await infoOf(env)).ServerVersion}`,
    },
    {
      name: 'images',
      remedy: 'run make setup: it builds the images of cage and gate',
      run: () => checkImages(env),
    },
    engineDisk(env),
    {
      name: 'port',
      remedy: 'end what listens there, or choose another port with CLAWCAGE_PORT',
      run: async () => {
        const error = await bindError(host, port);
        if (error !== undefined) throw new Error(`${host}:${port}: ${error}`);
        return `${host}:${port} is free`;
      },
    },
    { name: 'home', remedy: `give it to you alone: chmod 700 ${home}`, run: () => checkHome(home) },
    {
      name: 'disk',
      remedy: 'make room on the file system of CLAWCAGE_HOME',
      run: () => freeSpace(home, GIB),
    },
  ]);
}

/** What only this machine can tell of a service that runs. */
export function checksBesideService(cli: Cli): Promise<DoctorCheck[]> {
  return runAll([engineDisk(cli.terminal.env)]);
}

function engineDisk(env: Cli['terminal']['env']): LocalCheck {
  return {
    name: 'engine disk',
    remedy: 'make room where the engine keeps its images, such as with docker image prune',
    run: async () => {
      const folder = (await infoOf(env)).DockerRootDir;
      if (folder === undefined || !existsSync(folder)) return 'on another machine, not looked at';
      return freeSpace(folder, ENGINE_LEAST_BYTES);
    },
  };
}

async function infoOf(env: Cli['terminal']['env']): Promise<z.infer<typeof engineInfo>> {
  const info = engineInfo.safeParse((await askEngine(env, '/info'))?.body);
  if (!info.success) throw new Error(`nothing answers at ${engineAddress(env)}`);
  return info.data;
}

async function checkImages(env: Cli['terminal']['env']): Promise<undefined> {
  const { cage, gate } = imageTags({ baseImage: env.CLAWCAGE_BASE_IMAGE });
  const missing = [];
  for (const tag of [cage, gate])
    if ((await askEngine(env, `/images/${tag}/json`))?.status !== 200) missing.push(tag);
  if (missing.length > 0)
    throw new Error(`${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not there`);
  return undefined;
}

async function checkHome(home: string): Promise<string> {
  if (!existsSync(home)) return `${home} is made by the first start`;
  const mode = (await stat(home)).mode & 0o777;
  if ((mode & 0o077) !== 0) throw new Error(`others may look into it (mode ${mode.toString(8)})`);
  return home;
}

async function freeSpace(folder: string, least: number): Promise<string> {
  let there = folder;
  while (!existsSync(there)) there = dirname(there);
  const { bavail, bsize } = await statfs(there);
  const free = `${((bavail * bsize) / GIB).toFixed(1)} GiB free`;
  if (bavail * bsize < least) throw new Error(`only ${free}`);
  return free;
}

function runAll(checks: readonly LocalCheck[]): Promise<DoctorCheck[]> {
  return Promise.all(
    checks.map(async ({ name, remedy, run }) => {
      const began = performance.now();
      const ms = (): number => Math.round(performance.now() - began);
      try {
        const found = await run();
        return { name, ok: true, ...(found !== undefined && { found }), ms: ms() };
      } catch (error) {
        return { name, ok: false, reason: (error as Error).message, remedy, ms: ms() };
      }
    }),
  );
}
