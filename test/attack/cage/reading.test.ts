import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Canary } from '../../support/canary.ts';
import { eventually } from '../../support/eventually.ts';
import { CageYard, exitCodeAfter, type RealCage, type Weaken } from './real-cage.ts';

const SCRIPT = readFileSync(new URL('ways-in.pl', import.meta.url), 'utf8');
const KEY = 'sk-canary-4f1d9c2b7a6e8035-never-to-be-seen';

let yard: CageYard;
beforeAll(async () => {
  yard = await CageYard.open();
});
afterAll(() => yard?.[Symbol.asyncDispose]());

async function withCage<T>(
  work: (cage: RealCage) => Promise<T>,
  image?: string,
  weaken?: Weaken,
): Promise<T> {
  const cage = await yard.cage(image, weaken);
  try {
    return await work(cage);
  } finally {
    await cage.remove();
  }
}

const FILES = ['environ', 'maps', 'smaps', 'numa_maps', 'auxv', 'io', 'syscall', 'personality'];
const WAYS = [
  ...FILES.flatMap((file) => [`proc/${file}`, `task/${file}`]),
  ...[
    'mem',
    'mem for writing',
    'pagemap',
    'fd list',
    'map_files list',
    'cwd',
    'root',
    'exe',
    'exe copied',
    'fd link',
    'fd opened',
  ].map((way) => `proc/${way}`),
  'ptrace attach',
  'ptrace seize',
];
/** The engine's seccomp profile forbids these to everybody; without it they show that the cage does not live by that alone. */
const FORBIDDEN_BY_SECCOMP = ['process_vm_readv', 'pidfd_getfd', 'kcmp'];

describe.each<[string, Weaken, string[]]>([
  ['a real cage', () => undefined, WAYS],
  [
    'a cage without seccomp',
    (options) => void (options.HostConfig.SecurityOpt = ['no-new-privileges:true', 'seccomp=unconfined']),
    [...WAYS, ...FORBIDDEN_BY_SECCOMP],
  ],
])('an agent in %s', (_, weaken, ways) => {
  let report: string[];
  const opened = (target: string): string[] =>
    report.filter((line) => line.startsWith(`${target} `)).map((line) => line.slice(target.length + 1));

  beforeAll(async () => {
    report = await withCage(
      async (cage) => {
        expect(cage.failedChecks).toEqual([]);
        expect(cage.link.hello.proof.ok).toBe(true);
        const result = await cage.runAgent(['/usr/bin/perl', '-e', SCRIPT], KEY);
        expect(result).toMatchObject({ state: 'succeeded' });
        return result.answer!.trim().split('\n');
      },
      undefined,
      weaken,
    );
    expect(report.at(-1)).toBe('done');
    expect(opened('targets')).toEqual(['control init meter warden']);
  });

  test('has ways in that work where nothing forbids them', () => {
    expect(opened('control').toSorted()).toEqual(ways.toSorted());
  });

  test.each(['init', 'warden', 'meter'])('has no way into %s', (target) => {
    expect(opened(target)).toEqual([]);
  });

  test('cannot read the binaries, write what they run, or open an inspector', () => {
    expect([...opened('files'), ...opened('signals')]).toEqual([]);
  });

  test('finds the key in nothing that it can read', () => {
    const seen = opened('seen').map((hex) => Buffer.from(hex, 'hex'));
    const canary = new Canary(KEY);
    expect(seen.length).toBeGreaterThan(3);
    expect(canary.in(Buffer.concat([Buffer.from(KEY), ...seen]))).toContain('raw');
    expect(canary.in(Buffer.concat(seen))).toEqual([]);
  });
});

describe('the self-proof fails, and the key is refused', () => {
  test.each<[string, string, string[]]>([
    [
      'a readable Node',
      'chmod 0755 /opt/clawcage/bin/node',
      ['binaries_unreadable', 'warden_closed', 'meter_closed'],
    ],
    ['a readable tini', 'chmod 0755 /opt/clawcage/bin/tini', ['binaries_unreadable', 'init_closed']],
    [
      'a compile cache that the agent can write',
      'chmod -R a+w /opt/clawcage/cache',
      ['installation_unwritable'],
    ],
  ])('with %s', async (_, command, expected) => {
    await withCage(async (cage) => {
      expect(cage.link.hello.proof.ok).toBe(false);
      expect(cage.failedChecks.toSorted()).toEqual(expected.toSorted());
      const result = await cage.runAgent(['/bin/true'], KEY);
      expect(result.error).toMatchObject({ code: 'cage_unproven' });
    }, yard.derive(command));
  });

  test.each<[string, Weaken, string[]]>([
    ['new privileges', (options) => void (options.HostConfig.SecurityOpt = []), ['no_new_privileges']],
    ['a capability', (options) => void (options.HostConfig.CapAdd = ['SYS_PTRACE']), ['no_capabilities']],
    [
      'core dumps',
      (options) => void (options.HostConfig.Ulimits = [{ Name: 'core', Soft: -1, Hard: -1 }]),
      ['core_dumps_off'],
    ],
    ['a writable root', (options) => void (options.HostConfig.ReadonlyRootfs = false), ['root_read_only']],
    ['a network', (options) => void (options.HostConfig.NetworkMode = 'bridge'), ['network_closed']],
    ['the engine’s own init', (options) => void (options.HostConfig.Init = true), ['init_closed']],
  ])('with %s', async (_, weaken, expected) => {
    const failed = await withCage((cage) => Promise.resolve(cage.failedChecks), undefined, weaken);
    expect(failed).toEqual(expected);
  });
});

describe('a cage', () => {
  test('that got something else than a bootstrap exits with 64', async () => {
    expect(await exitCodeAfter(yard, 'hello\n')).toBe(64);
  });

  test('that got no bootstrap exits with 64 after 10 s', async () => {
    const since = performance.now();
    expect(await exitCodeAfter(yard, undefined)).toBe(64);
    expect(performance.now() - since).toBeGreaterThan(9_500);
  });

  test('leaves no process of the agent behind a task, whatever session it went into', async () => {
    await withCage(async (cage) => {
      const stray = `setsid sh -c 'trap "" TERM HUP; while :; do sleep 1; done' & setsid sleep 1000 & sleep 0.2; echo done`;
      await cage.runAgent(['/bin/sh', '-c', stray], KEY);
      // Who was killed is to be seen until init has taken note of it.
      await eventually(async () => {
        const { Processes } = (await cage.container.top()) as { Processes: string[][] };
        const commands = Processes.map((columns) => columns.at(-1));
        expect(commands.toSorted()).toEqual([
          expect.stringMatching(/^\/opt\/clawcage\/bin\/node .*warden\.mjs$/),
          expect.stringMatching(/^\/opt\/clawcage\/bin\/tini .*warden\.mjs$/),
        ]);
      });
    });
  });

  test('exits with 0 when nothing more is wanted of it', async () => {
    const cage = await yard.cage();
    expect(await cage.end()).toBe(0);
  });
});
