import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imageTags, type ImageTags } from '../../../ops/image-tags.ts';
import { buildContext, imagesToMake, makeImages } from '../../../ops/images.ts';
import { engine, follow, hasImage } from '../../../ops/images/engine.ts';
import { startRegistry } from '../../support/registry.ts';
import { runIn } from './run-in.ts';

// Nothing listens on port 1: no registry answers there, so the base is debootstrapped.
const NOWHERE = '127.0.0.1:1/debian:bookworm-slim';
const SLOW_MS = 240_000;
const ENTRIES = { cage: ['warden', 'meter', 'agent'], gate: ['gate'] } as const;

const made = new Set<string>();

async function labelOf(image: string, label: string): Promise<string | undefined> {
  return (await engine.getImage(image).inspect()).Config.Labels[label];
}

/** Makes images for a test; what was not there before is removed at the end. */
async function makeForTest(options: { baseImage?: string }): Promise<ImageTags> {
  const tags = imageTags(options);
  for (const tag of [tags.cage, tags.gate, tags.base]) if (!(await hasImage(tag))) made.add(tag);
  return makeImages(() => undefined, { ...options, tags });
}

/** The images whose base comes from debootstrap: those of this machine, if that is how they were made. */
async function fromDebootstrap(): Promise<ImageTags> {
  const usual = process.env['CLAWCAGE_BASE_IMAGE'];
  const tags = await makeImages(() => undefined, { baseImage: usual });
  const origin = await labelOf(tags.cage, 'clawcage.base');
  return origin?.startsWith('debootstrap') ? tags : makeForTest({ baseImage: NOWHERE });
}

/** The images whose base was pulled from a registry on loopback, from a Debian that lacks something of ours. */
async function fromRegistry(standIn: string): Promise<{ tags: ImageTags; pinned: string }> {
  await using registry = await startRegistry();
  const name = `${registry.host}/debian`;
  const container = await engine.createContainer({
    Image: standIn,
    Entrypoint: ['dpkg', '--purge', 'tini'],
    HostConfig: { NetworkMode: 'none' },
  });
  await container.start();
  expect(await container.wait()).toMatchObject({ StatusCode: 0 });
  await container.commit({ repo: name, tag: 'bookworm-slim' });
  await container.remove();
  const pushed = engine.getImage(`${name}:bookworm-slim`);
  await follow(await pushed.push({ authconfig: {} }));
  const { Descriptor } = await pushed.distribution();
  await pushed.remove();

  const baseImage = `${name}:bookworm-slim`;
  expect(await imagesToMake({ baseImage })).toBe('registry');
  const tags = await makeForTest({ baseImage });
  const pinned = `${baseImage}@${Descriptor.digest}`;
  made.add(`${name}@${Descriptor.digest}`);
  return { tags, pinned };
}

const ways = new Map<string, ImageTags>();
let pinned: string;

beforeAll(async () => {
  const bootstrapped = await fromDebootstrap();
  const pulled = await fromRegistry(bootstrapped.base);
  pinned = pulled.pinned;
  ways.set('debootstrap', bootstrapped).set('registry', pulled.tags);
}, 2 * SLOW_MS);

afterAll(async () => {
  for (const name of made) {
    await engine
      .getImage(name)
      .remove()
      .catch(() => undefined);
  }
});

const tagsOf = (way: string) => ways.get(way)!;

describe.each(['debootstrap', 'registry'])('the images on a base from %s', (way) => {
  it('say what their base was made from', async () => {
    const origin = way === 'registry' ? pinned : 'debootstrap bookworm';
    expect(await labelOf(tagsOf(way).cage, 'clawcage.base')).toBe(origin);
    expect(await labelOf(tagsOf(way).gate, 'clawcage.base')).toBe(origin);
  });

  it.each(['cage', 'gate'] as const)('let nobody but root read the Node and tini of the %s', async (part) => {
    const image = tagsOf(way)[part];
    const modes = await runIn(
      image,
      'stat -c "%n %a %u:%g %F" /opt/clawcage/bin/* /opt/clawcage/agent/node',
      {
        user: '0',
      },
    );
    expect(modes.output.trim().split('\n')).toEqual([
      '/opt/clawcage/bin/env 711 0:0 regular file',
      '/opt/clawcage/bin/node 711 0:0 regular file',
      '/opt/clawcage/bin/tini 711 0:0 regular file',
      '/opt/clawcage/agent/node 755 0:0 regular file',
    ]);
    for (const binary of ['node', 'tini']) {
      const read = await runIn(image, `head -c 1 /opt/clawcage/bin/${binary}`);
      expect(read).toMatchObject({ code: 1, output: expect.stringContaining('Permission denied') });
    }
  });

  it.each(['cage', 'gate'] as const)(
    'leave nothing of ours in the %s that its user may change',
    async (part) => {
      const ours = await runIn(
        tagsOf(way)[part],
        'find /opt/clawcage /usr/local/bin ! -user root -o ! -type l -perm /022',
        { user: '0' },
      );
      expect(ours).toEqual({ code: 0, output: '' });
      const write = await runIn(tagsOf(way)[part], 'touch /opt/clawcage/cache/*/x || touch /opt/clawcage/x');
      expect(write).toMatchObject({ code: 1, output: expect.stringContaining('Permission denied') });
    },
  );

  it.each(['cage', 'gate'] as const)('run the %s as user 10001, whose home is /work', async (part) => {
    const who = await runIn(
      tagsOf(way)[part],
      'id -u; id -g; id -un; cd; pwd; stat -c "%u:%g %a" /work /run/gate',
    );
    expect(who).toEqual({
      code: 0,
      output: '10001\n10001\nagent\n/work\n10001:10001 700\n10001:10001 755\n',
    });
  });

  it('have git, curl and the certificates of authorities, and no program that changes its user', async () => {
    const tools = await runIn(
      tagsOf(way).cage,
      'git --version && curl --version && grep -c BEGIN /etc/ssl/certs/ca-certificates.crt',
    );
    expect(tools.code).toBe(0);
    expect(Number(tools.output.trim().split('\n').at(-1))).toBeGreaterThan(100);
    const raised = await runIn(tagsOf(way).cage, 'find / -xdev -type f -perm /6000', { user: '0' });
    expect(raised).toEqual({ code: 0, output: '' });
  });

  it.each(['cage', 'gate'] as const)(
    'hold a compile cache that every process of the %s takes',
    async (part) => {
      for (const entry of ENTRIES[part]) {
        const run = await runIn(
          tagsOf(way)[part],
          `/opt/clawcage/bin/node --disable-sigusr1 /opt/clawcage/${entry}.mjs`,
          {
            env: ['CLAWCAGE_BAKE=1', 'NODE_DEBUG_NATIVE=COMPILE_CACHE'],
          },
        );
        expect(run.code).toBe(0);
        expect(run.output).toContain(`V8 code cache for ESM file:///opt/clawcage/${entry}.mjs was accepted`);
        expect(run.output).not.toContain('was rejected');
        // The encodings of its tokeniser are files of their own.
        const chunks = run.output.match(/ESM file:\/\/\/opt\/clawcage\/meter-\w+\.mjs was accepted/g);
        if (entry === 'meter') expect(chunks?.length).toBeGreaterThanOrEqual(2);
      }
    },
  );

  it('run the Node of the packages', async () => {
    const versions = await runIn(
      tagsOf(way).cage,
      '/usr/local/bin/node --version; /opt/clawcage/bin/node --version',
    );
    expect(versions.output).toBe(`${process.version}\n${process.version}\n`);
  });

  it('hold nothing in their configuration but what the processes need', async () => {
    const { Config } = await engine.getImage(tagsOf(way).cage).inspect();
    expect(Config.Env.toSorted()).toEqual([
      'NODE_COMPILE_CACHE=/opt/clawcage/cache',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    ]);
    expect(Config).toMatchObject({ User: '10001:10001', StopSignal: 'SIGTERM', WorkingDir: '/work' });
    expect(Config.Entrypoint).toEqual([
      '/opt/clawcage/bin/tini',
      '--',
      '/opt/clawcage/bin/env',
      '-i',
      'NODE_COMPILE_CACHE=/opt/clawcage/cache',
      '/opt/clawcage/bin/node',
      '--disable-sigusr1',
      '--openssl-config=/dev/null',
      '/opt/clawcage/warden.mjs',
    ]);
  });
});

describe('making the images', () => {
  it('does nothing where they are', async () => {
    const said: string[] = [];
    const tags = tagsOf('registry');
    expect(await imagesToMake({ tags })).toBe('nothing');
    expect(await makeImages((line) => said.push(line), { tags })).toEqual(tags);
    expect(said).toEqual([]);
  });

  it('gives up a registry that does not answer within seconds', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const started = performance.now();
    expect(await imagesToMake({ baseImage: `127.0.0.1:${port}/debian:bookworm-slim` })).toBe('debootstrap');
    expect(performance.now() - started).toBeLessThan(10_000);
    silent.close();
  });

  const client = ['/usr/bin/docker', '/usr/local/bin/docker'].find((path) => existsSync(path));
  it.skipIf(client === undefined)(
    'works with BuildKit as it does with the classic builder',
    async () => {
      const context = await buildContext();
      const tag = 'clawcage-cage:buildkit-test';
      try {
        const args = [
          'build',
          '--quiet',
          '--target',
          'cage',
          '--build-arg',
          `BASE=${tagsOf('debootstrap').base}`,
          '-t',
          tag,
          context,
        ];
        await promisify(execFile)(client!, args, { env: { ...process.env, DOCKER_BUILDKIT: '1' } });
        made.add(tag);
        const modes = await runIn(tag, 'stat -c %a /opt/clawcage/bin/* /opt/clawcage/cache/*', { user: '0' });
        expect(modes).toEqual({ code: 0, output: '711\n711\n711\n555\n' });
      } finally {
        rmSync(context, { recursive: true });
      }
    },
    SLOW_MS,
  );
});
