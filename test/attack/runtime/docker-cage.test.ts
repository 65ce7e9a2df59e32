import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_RESOURCES } from '#runtime/runtime.ts';
import type { DockerRuntime } from '../../../orchestrator/runtimes/docker/index.ts';
import { cageName, gateName } from '../../../orchestrator/runtimes/docker/spec.ts';
import { evaluateIn, reportOf, type TestInstall, testInstall } from '../../support/docker.ts';

/** Where containerd (the engine's own, or the machine's) and runc keep what runs. */
const BUNDLES = [
  '/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby',
  '/run/containerd/io.containerd.runtime.v2.task/moby',
  '/run/docker/runtime-runc/moby',
];
const MIB = 1024 * 1024;
const secret = randomBytes(32);

let install: TestInstall;
let runtime: DockerRuntime;
let name: string;
const inCage = (script: string): Promise<unknown> => evaluateIn(install.docker, name, script);

/** The code of the error that `call` throws, or `done`. */
const codeOf = (call: string): string =>
  `try { ${call}; return 'done'; } catch (error) { return error.code; }`;

beforeAll(async () => {
  install = await testInstall();
  runtime = install.runtime();
  await runtime.prepare();
  const resources = { ...DEFAULT_RESOURCES, workBytes: 8 * MIB, tmpBytes: 4 * MIB, pids: 40 };
  const bootstrap = Buffer.from(JSON.stringify({ cageId: 'canary', linkSecret: secret.toString('base64') }));
  await runtime.create({ cageId: 'canary', image: install.image, resources }, bootstrap);
  await reportOf(runtime, 'canary');
  name = cageName(install.id, 'canary');
});
afterAll(() => install?.[Symbol.asyncDispose]());

describe('the bootstrap is nowhere on the host', () => {
  /** What the engine shows and keeps of a container: its inspection, its folder, and the containerd bundle. */
  async function everythingAbout(container: string): Promise<Buffer[]> {
    const inspection = await install.docker.getContainer(container).inspect();
    const { DockerRootDir: root } = (await install.docker.info()) as { DockerRootDir: string };
    const bundles = BUNDLES.map((folder) => join(folder, inspection.Id)).filter((folder) =>
      existsSync(folder),
    );
    expect(bundles).not.toEqual([]);
    const files = (
      await Promise.all([join(root, 'containers', inspection.Id), ...bundles].map(filesOf))
    ).flat();
    expect(files.map((file) => basename(file))).toEqual(
      expect.arrayContaining(['config.v2.json', 'hostconfig.json', 'config.json']),
    );
    return [
      Buffer.from(JSON.stringify(inspection)),
      ...(await Promise.all(files.map((file) => readFile(file)))),
    ];
  }

  async function filesOf(folder: string): Promise<string[]> {
    const entries = await readdir(folder, { withFileTypes: true });
    const own = entries.filter((entry) => entry.isFile()).map((entry) => join(folder, entry.name));
    // The bundle's rootfs is the image; what a cage could have written there is a read-only mount.
    const below = entries.filter((entry) => entry.isDirectory() && entry.name !== 'rootfs');
    return [...own, ...(await Promise.all(below.map((entry) => filesOf(join(folder, entry.name))))).flat()];
  }

  const forms = (): Buffer[] => [
    secret,
    ...(['base64', 'base64url', 'hex'] as const).map((form) => Buffer.from(secret.toString(form))),
  ];
  const hits = (where: Buffer[]): number =>
    forms().filter((form) => where.some((content) => content.includes(form))).length;

  test('neither in the inspection nor in the files of the engine', async () => {
    expect(hits(await everythingAbout(name))).toBe(0);
  });

  test('and the search would find it: one planted in a label is found', async () => {
    const planted = await install.docker.createContainer({
      Image: install.image,
      Entrypoint: ['/bin/node', '-e', 'setInterval(() => undefined, 60_000)'],
      Labels: { 'clawcage.install': install.id, planted: secret.toString('base64') },
    });
    await planted.start();
    expect(hits(await everythingAbout(planted.id))).toBeGreaterThan(0);
  });

  test('nor in the environment that the cage got', async () => {
    const { env } = await reportOf(runtime, 'canary');
    expect(Object.keys(env).toSorted()).toEqual(['HOME', 'HOSTNAME', 'PATH']);
  });

  test('and stdin is over: nobody can give it a second one', async () => {
    const late = await install.docker.getContainer(name).attach({ stream: true, stdin: true, hijack: true });
    late.on('error', () => undefined);
    late.end('{"cageId":"canary","linkSecret":"other"}\n');
    const read = `const fs = require('fs');
      const stdin = fs.openSync('/proc/1/fd/0', fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
      return fs.readSync(stdin, Buffer.alloc(100));`;
    expect(await inCage(read)).toBe(0);
    expect(await runtime.inspect('canary')).toMatchObject({ state: 'running' });
  });
});

describe('a process in the cage', () => {
  test('has no rights: other user, no capabilities, no new privileges, seccomp on', async () => {
    const status = String(await inCage(`return require('fs').readFileSync('/proc/self/status', 'utf8')`));
    expect(status).toMatch(/^Uid:\t10001\t10001\t10001\t10001$/m);
    expect(status).toMatch(/^Gid:\t10001\t10001\t10001\t10001$/m);
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      expect(status).toMatch(new RegExp(`^${set}:\\t0+$`, 'm'));
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(status).toMatch(/^Seccomp:\t2$/m);
  });

  test('has no network but loopback, and no resolver', async () => {
    expect(await inCage(`return Object.keys(require('os').networkInterfaces())`)).toEqual(['lo']);
    const { NetworkSettings: network } = await install.docker.getContainer(gateName(install.id)).inspect();
    const ofTheGate = network.Networks['bridge']!.IPAddress;
    for (const host of ['1.1.1.1', '169.254.169.254', '172.17.0.1', ofTheGate]) {
      const dial = `return new Promise((resolve) => require('net').connect({ host: '${host}', port: 4181, timeout: 2000 })
        .on('connect', () => resolve('connected')).on('timeout', () => resolve('timeout')).on('error', (error) => resolve(error.code)))`;
      expect(await inCage(dial)).toBe('ENETUNREACH');
    }
    const resolve = `return require('dns').promises.lookup('example.com').then(() => 'resolved', (error) => error.code)`;
    expect(await inCage(resolve)).toMatch(/^(EAI_AGAIN|ENOTFOUND|EAI_FAIL)$/);
    const resolvers = String(await inCage(`return require('fs').readFileSync('/etc/resolv.conf', 'utf8')`));
    expect(resolvers.match(/^nameserver .*$/gm) ?? []).toEqual(['nameserver 127.0.0.1']);
    expect(resolvers).not.toMatch(/^search [^.\s]/m);
  });

  test('writes nowhere but in its folders', async () => {
    for (const path of [
      '/x',
      '/etc/x',
      '/etc/hosts',
      '/bin/x',
      '/run/x',
      '/run/gate/x',
      '/proc/sys/kernel/core_pattern',
      '/sys/x',
    ]) {
      expect(await inCage(codeOf(`require('fs').writeFileSync('${path}', 'x')`)), path).toMatch(
        /^(EROFS|EACCES|EPERM|ENOENT)$/,
      );
    }
    for (const path of ['/work/x', '/tmp/x'])
      expect(await inCage(codeOf(`require('fs').writeFileSync('${path}', 'x')`))).toBe('done');
  });

  test('cannot replace or remove the socket of the gate', async () => {
    expect(await inCage(codeOf(`require('fs').unlinkSync('/run/gate/gate.sock')`))).toBe('EROFS');
    expect(
      await inCage(codeOf(`require('fs').renameSync('/run/gate/gate.sock', '/run/gate/other.sock')`)),
    ).toBe('EROFS');
  });

  test.each([
    ['/work', 8],
    ['/tmp', 4],
  ])('cannot fill %s beyond %i MiB', async (folder, mib) => {
    const fill = (size: number): string =>
      codeOf(`require('fs').writeFileSync('${folder}/fill', Buffer.alloc(${size} << 20))`);
    expect(await inCage(fill(mib + 1))).toBe('ENOSPC');
    expect(await inCage(`require('fs').rmSync('${folder}/fill')`)).toBeNull();
  });

  test('runs no file with the rights of its owner, and makes no devices', async () => {
    const mounts = String(await inCage(`return require('fs').readFileSync('/proc/self/mounts', 'utf8')`));
    for (const folder of ['/work', '/tmp'])
      expect(mounts).toMatch(new RegExp(`^tmpfs ${folder} tmpfs rw,nosuid,nodev,`, 'm'));
    expect(mounts).toMatch(/^\S+ \/ overlay ro,/m);
    expect(mounts).toMatch(/^\S+ \/run\/gate \S+ ro,/m);
    expect(mounts).not.toContain('docker.sock');
  });

  test('leaves no core dump, and has the limits that were asked for', async () => {
    const limits = String(await inCage(`return require('fs').readFileSync('/proc/self/limits', 'utf8')`));
    expect(limits).toMatch(/^Max core file size\s+1\s+1\s/m);
    expect(limits).toMatch(/^Max open files\s+4096\s+4096\s/m);
    const { HostConfig: host } = await install.docker.getContainer(name).inspect();
    expect(host).toMatchObject({ Memory: 512 * MIB, MemorySwap: 512 * MIB, NanoCpus: 1e9, PidsLimit: 40 });
  });

  test('cannot start more processes than it may', async () => {
    const fork = `const { spawn } = require('child_process');
      const started = [];
      const outcome = await new Promise((resolve) => {
        for (let n = 0; n < 60; n++) {
          try { started.push(spawn('/bin/node', ['-e', 'setTimeout(() => {}, 20000)'], { stdio: 'ignore' }).on('error', (error) => resolve(error.code)));
          } catch (error) { resolve(error.code); }
        }
        setTimeout(() => resolve('all started'), 5000).unref();
      });
      for (const child of started) child.kill('SIGKILL');
      return outcome;`;
    expect(await inCage(fork)).toBe('EAGAIN');
  });

  test('does not see the processes of the host', async () => {
    const pids = (await inCage(
      `return require('fs').readdirSync('/proc').filter((entry) => /^[0-9]+$/.test(entry)).map(Number)`,
    )) as number[];
    expect(pids).toContain(1);
    expect(pids.length).toBeLessThan(10);
    expect(await inCage(`return require('fs').readFileSync('/proc/self/cgroup', 'utf8')`)).not.toContain(
      'docker/',
    );
  });
});
