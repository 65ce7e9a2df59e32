import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { probeAsAgent } from '../../../cage-image/warden/proof/agent-probe.ts';
import {
  coreDumpsOff,
  networkClosed,
  noCapabilities,
  noNewPrivileges,
  onlyOurPorts,
  rootReadOnly,
  signalsHarmless,
} from '../../../cage-image/warden/proof/kernel.ts';

let proc: string;
beforeEach(() => {
  proc = mkdtempSync(join(tmpdir(), 'clawcage-proc-'));
});
afterEach(() => rmSync(proc, { recursive: true }));

function says(files: Record<string, string>): string {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(proc, path)), { recursive: true });
    writeFileSync(join(proc, path), text);
  }
  return proc;
}
const NONE = '0000000000000000';
const capabilities = (bounding: string) =>
  `Uid:\t10001\t10001\nCapInh:\t${NONE}\nCapPrm:\t${NONE}\nCapEff:\t${NONE}\nCapBnd:\t${bounding}\nCapAmb:\t${NONE}\nNoNewPrivs:\t1\n`;
const core = (dumpable: string, limit: string, pattern = 'core') => ({
  'sys/fs/suid_dumpable': `${dumpable}\n`,
  'self/limits': `Limit   Soft Limit  Hard Limit  Units\nMax core file size        ${limit}       bytes\n`,
  'sys/kernel/core_pattern': `${pattern}\n`,
});

describe('what the kernel says', () => {
  test('new privileges and capabilities', () => {
    says({ 'self/status': capabilities(NONE) });
    expect([noNewPrivileges(proc), noCapabilities(proc)]).toEqual([undefined, undefined]);
    says({ 'self/status': capabilities('00000000a80425fb').replace('NoNewPrivs:\t1', 'NoNewPrivs:\t0') });
    expect(noNewPrivileges(proc)).toBeDefined();
    expect(noCapabilities(proc)).toBe('not empty: CapBnd');
    says({ 'self/status': capabilities(NONE).replace('Uid:\t10001', 'Uid:\t0') });
    expect(noCapabilities(proc)).toBe('runs as root');
    says({ 'self/status': '' });
    expect(noCapabilities(proc)).toContain('not empty');
  });

  test.each([
    ['0', '0      0', 'core', true],
    ['0', '0      0', '|/usr/share/apport/apport', true],
    ['2', '0      0', 'core', true],
    ['2', '1      1', '|/usr/share/apport/apport', true],
    ['2', '0      0', '|/usr/share/apport/apport', false],
    ['1', '0      0', 'core', false],
    ['0', '0      unlimited', 'core', false],
    ['0', '1024      1024', 'core', false],
  ])('suid_dumpable %s, core limits %s, pattern %s: safe is %s', (dumpable, limit, pattern, safe) => {
    expect(coreDumpsOff(says(core(dumpable, limit, pattern))) === undefined).toBe(safe);
  });

  test('the root file system, by its last mount', () => {
    const mount = (options: string) =>
      `30 1 0:27 / / ${options} - overlay overlay ro\n31 30 0:5 / /proc rw - proc proc rw\n`;
    expect(rootReadOnly(says({ 'self/mountinfo': mount('ro,relatime') }))).toBeUndefined();
    expect(rootReadOnly(says({ 'self/mountinfo': mount('rw,relatime') }))).toBeDefined();
    expect(rootReadOnly(says({ 'self/mountinfo': mount('ro') + mount('rw') }))).toBeDefined();
  });

  test('the network, where the gate is reached by a socket', () => {
    says({ 'self/net/route': 'Iface\tDestination\n' });
    const socket = { socket: '/run/gate/gate.sock' };
    expect(networkClosed(socket, proc, { lo: [] })).toBeUndefined();
    expect(networkClosed(socket, proc, { lo: [], eth0: [] })).toContain('eth0');
    expect(networkClosed({ host: 'gate', port: 1 }, proc, { lo: [], eth0: [] })).toBeUndefined();
    says({ 'self/net/route': 'Iface\tDestination\neth0\t00000000\n' });
    expect(networkClosed(socket, proc, { lo: [] })).toBeDefined();
  });

  test('ports that listen', () => {
    const tcp = (port: string, state: string) => `  sl\n   0: 0100007F:${port} 00000000:0000 ${state} x\n`;
    says({ 'self/net/tcp': tcp('1F90', '0A'), 'self/net/tcp6': tcp('240D', '01') });
    expect(onlyOurPorts([8080], proc)).toBeUndefined();
    expect(onlyOurPorts([], proc)).toContain('8080');
    says({ 'self/net/tcp6': tcp('240D', '0A') });
    expect(onlyOurPorts([8080], proc)).toContain('9229');
  });
});

describe('real processes', () => {
  test('an ordinary Node catches SIGUSR1, one started as we start ours does not', async () => {
    const nodes = [[], ['--disable-sigusr1']].map((flags) =>
      spawn(process.execPath, [...flags, '-e', 'console.log(1); setInterval(() => {}, 1e6)'], {
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    );
    await Promise.all(nodes.map((node) => once(node.stdout, 'data')));
    const [ordinary, ours] = nodes.map((node) => node.pid!);
    expect(signalsHarmless([ordinary!])).toContain(String(ordinary));
    expect(signalsHarmless([ours!])).toBeUndefined();
    for (const node of nodes) node.kill();
  });

  test('a process that opens is found by the probe, and one that is not there is closed', async () => {
    const [open, gone] = await probeAsAgent({ open: process.pid, gone: 2 ** 22 });
    expect(open).toMatchObject({
      name: 'open_closed',
      ok: false,
      reason: expect.stringContaining(`/proc/${process.pid}/environ`),
    });
    expect(gone).toEqual({ name: 'gone_closed', ok: true });
  });

  test('a probe that cannot run proves nothing', async () => {
    expect(await probeAsAgent({ meter: 1 }, '/no/such/shell')).toMatchObject([{ ok: false }]);
  });
});
