import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  configurationProblem,
  differences,
  labelProblem,
  overlayContainer,
  overlayFiles,
  overlayName,
  platformProblem,
} from '../../../orchestrator/runtimes/docker/overlay/overlay-spec.ts';
import { contentsOf, tarOf } from '../../../orchestrator/runtimes/docker/overlay/tar.ts';

const ours = {
  Id: 'sha256:ours',
  Os: 'linux',
  Architecture: 'amd64',
  Config: { Entrypoint: ['/opt/clawcage/bin/tini', '--', 'warden'], User: '10001:10001' },
};
const foreign = {
  Id: 'sha256:foreign',
  Os: 'linux',
  Architecture: 'amd64',
  Config: { Env: ['PATH=/x:/y', 'EMPTY=', 'URL=a=b'], User: '0', Entrypoint: ['/bin/evil'], Cmd: ['x'] },
};
const once = async function* (...chunks: Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks;
};

test('the same two images make the same name, and either of them another', () => {
  const name = overlayName(ours, foreign);
  expect(name).toMatch(/^clawcage-agent:[0-9a-f]{16}$/);
  expect(overlayName({ ...ours }, { ...foreign })).toBe(name);
  expect(overlayName({ ...ours, Id: 'sha256:other' }, foreign)).not.toBe(name);
  expect(overlayName(ours, { ...foreign, Id: 'sha256:other' })).not.toBe(name);
});

test('entry point, user and command are ours, whatever the image says', () => {
  expect(overlayContainer(ours, foreign, 'i1')).toMatchObject({
    Image: 'sha256:foreign',
    Entrypoint: ours.Config.Entrypoint,
    Cmd: [],
    User: '10001:10001',
    WorkingDir: '/work',
    Healthcheck: { Test: ['NONE'] },
    HostConfig: { NetworkMode: 'none' },
  });
});

test("the image's environment becomes a file that root owns, for the agent", () => {
  const file = overlayFiles(foreign).find(({ path }) => path === 'opt/clawcage/image-env.json');
  expect(file).toMatchObject({ owner: 0, mode: 0o644 });
  expect(JSON.parse(Buffer.from(file!.content!).toString())).toEqual({
    PATH: '/x:/y',
    EMPTY: '',
    URL: 'a=b',
  });
});

test('an image of another machine is refused in words', () => {
  expect(platformProblem(ours, foreign)).toBeUndefined();
  expect(platformProblem(ours, { ...foreign, Architecture: 'arm64' })).toBe(
    'It is made for linux/arm64, this engine runs linux/amd64.',
  );
});

test('an image with the labels of our containers is refused in words', () => {
  const labelled = (...names: string[]) => ({
    ...foreign,
    Config: { Labels: Object.fromEntries(names.map((name) => [name, 'x'])) },
  });
  expect(labelProblem(foreign)).toBeUndefined();
  expect(labelProblem(labelled('clawcage.image', 'clawcage.overlay', 'maintainer'))).toBeUndefined();
  expect(labelProblem(labelled('clawcage.cage'))).toContain('clawcage.cage');
  expect(labelProblem(labelled('clawcage.gate'))).toContain('clawcage.gate');
});

test.each([
  [{ Entrypoint: ['/bin/sh'] }, 'ENTRYPOINT'],
  [{ Entrypoint: ours.Config.Entrypoint, Cmd: ['x'] }, 'CMD'],
  [{ Entrypoint: ours.Config.Entrypoint, Volumes: { '/data': {} } }, 'VOLUME'],
])('an image with our files and %j is told what its Dockerfile may not do', (Config, names) => {
  expect(configurationProblem(ours, { ...foreign, Config })).toContain(names);
});

test('an image with our files and our entry point may be run as it is', () => {
  expect(configurationProblem(ours, { ...foreign, Config: ours.Config })).toBeUndefined();
});

test('what another image has otherwise, beside or not at all is found; its environment is its own', async () => {
  const read = (...entries: Parameters<typeof tarOf>[0]) => contentsOf(once(tarOf(entries)));
  const node = { path: 'clawcage/node', mode: 0o711, owner: 0, content: Buffer.from('node') };
  const folder = { path: 'clawcage/lib', mode: 0o755, owner: 0 };
  const own = await read(node, folder);
  const environment = { path: 'clawcage/image-env.json', mode: 0o644, owner: 0, content: Buffer.from('{}') };
  expect(differences(own, await read(node, folder, environment))).toEqual([]);
  expect(differences(own, await read({ ...node, mode: 0o755 }, folder))).toEqual(['clawcage/node']);
  expect(differences(own, await read({ ...node, owner: 10001 }, folder))).toEqual(['clawcage/node']);
  expect(differences(own, await read({ ...node, content: Buffer.from('edon') }, folder))).toEqual([
    'clawcage/node',
  ]);
  expect(differences(own, await read(node))).toEqual(['clawcage/lib']);
  expect(differences(own, await read(node, folder, { ...folder, path: 'clawcage/lib/hwcaps' }))).toEqual([
    'clawcage/lib/hwcaps',
  ]);
});

test('what we pack, tar unpacks, and what tar packs, we read, in pieces of any size', async () => {
  const place = mkdtempSync(join(tmpdir(), 'clawcage-tar-'));
  try {
    const name = `${'long/'.repeat(30)}name`;
    const archive = join(place, 'a.tar');
    writeFileSync(
      archive,
      tarOf([
        { path: 'd', mode: 0o750, owner: 0 },
        { path: 'd/f', mode: 0o640, owner: 0, content: Buffer.alloc(1000, 7) },
      ]),
    );
    expect(execFileSync('tar', ['-tvf', archive], { encoding: 'utf8' })).toMatch(
      /^drwxr-x---.* d\/\n-rw-r----- .* 1000 .* d\/f\n$/,
    );
    execFileSync('sh', ['-c', `mkdir -p ${name} && echo x > ${name}/f && tar --format=pax -cf b.tar long`], {
      cwd: place,
    });
    const bytes = execFileSync('cat', [join(place, 'b.tar')]);
    const whole = await contentsOf(once(bytes));
    const pieces = Array.from({ length: Math.ceil(bytes.length / 77) }, (_, index) =>
      bytes.subarray(index * 77, index * 77 + 77),
    );
    expect([...(await contentsOf(once(...pieces)))]).toEqual([...whole]);
    expect([...whole.keys()]).toContain(`${name}/f`);
  } finally {
    rmSync(place, { recursive: true });
  }
});

test('an attribute of a file cannot give it the path of another', async () => {
  const record = (text: string): string => `${text.length + 4} ${text}\n`;
  const extended = Buffer.from(record('SCHILY.xattr.user.x=\n22 path=clawcage/node') + record('mtime=1'));
  const [node, evil, header] = ['clawcage/node', 'clawcage/lib/evil', 'x'].map((path) =>
    tarOf([{ path, mode: 0o755, owner: 0, content: path === 'x' ? extended : Buffer.from(path) }]).subarray(
      0,
      1024,
    ),
  ) as [Buffer, Buffer, Buffer];
  header.write('x', 156);
  header.fill(' ', 148, 156);
  const own = await contentsOf(once(node));
  const theirs = await contentsOf(once(header, evil, node));
  expect(differences(own, theirs)).toEqual(['clawcage/lib/evil']);
});

test('a path that stands in an archive twice is none of ours', async () => {
  const node = { path: 'clawcage/node', mode: 0o711, owner: 0, content: Buffer.from('node') };
  const own = await contentsOf(once(tarOf([node])));
  const theirs = await contentsOf(once(tarOf([{ ...node, content: Buffer.from('evil') }, node])));
  expect(differences(own, theirs)).toEqual(['clawcage/node']);
});
