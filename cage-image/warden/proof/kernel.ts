import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { GateAddress } from '#protocol/bootstrap.ts';

/** Each gives the reason for which its check fails, or nothing, from what the kernel says in `proc` (https://man7.org/linux/man-pages/man5/proc.5.html). */

const read = (path: string, proc = '/proc'): string => readFileSync(`${proc}/${path}`, 'utf8');

function statusField(status: string, name: string): string {
  return new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? 'missing';
}

export function noNewPrivileges(proc?: string): string | undefined {
  return statusField(read('self/status', proc), 'NoNewPrivs') === '1'
    ? undefined
    : 'no-new-privileges is not set';
}

export function noCapabilities(proc?: string): string | undefined {
  const status = read('self/status', proc);
  const held = ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].filter(
    (set) => !/^0+$/.test(statusField(status, set)),
  );
  if (held.length > 0) return `not empty: ${held.join(', ')}`;
  return statusField(status, 'Uid') === '0' ? 'runs as root' : undefined;
}

/**
 * No memory of a process may end up in a core file. `fs.suid_dumpable` 1 would open unreadable processes to their user, and 2 hands their memory to a core handler
 * (`|…` in core_pattern), which is not bound by a core limit of 0 but by one of 1 (do_coredump in the kernel's fs/coredump.c).
 */
export function coreDumpsOff(proc?: string): string | undefined {
  const dumpable = read('sys/fs/suid_dumpable', proc).trim();
  if (dumpable !== '0' && dumpable !== '2') return `fs.suid_dumpable is ${dumpable}`;
  const [, soft, hard] = /^Max core file size\s+(\S+)\s+(\S+)/m.exec(read('self/limits', proc)) ?? [];
  if (!isOff(soft) || !isOff(hard)) return `the core limit is ${soft} (hard ${hard})`;
  const handler = read('sys/kernel/core_pattern', proc).startsWith('|');
  if (dumpable === '2' && handler && hard !== '1')
    return 'fs.suid_dumpable is 2 and core dumps go to a handler: set the core limit to 1';
  return undefined;
}

const isOff = (limit: string | undefined): boolean => limit === '0' || limit === '1';

export function rootReadOnly(proc?: string): string | undefined {
  const root = read('self/mountinfo', proc)
    .split('\n')
    .map((line) => line.split(' '))
    .findLast((fields) => fields[4] === '/');
  return root?.[5]?.split(',').includes('ro') ? undefined : 'the root file system can be written';
}

/** A cage that reaches its gate by a socket has no network but loopback; one that reaches it by an address (Kubernetes) is held by network policies. */
export function networkClosed(
  gate: GateAddress,
  proc?: string,
  interfaces = networkInterfaces(),
): string | undefined {
  if (!('socket' in gate)) return undefined;
  const others = Object.keys(interfaces).filter((name) => name !== 'lo');
  if (others.length > 0) return `interfaces beside loopback: ${others.join(', ')}`;
  return read('self/net/route', proc).trim().split('\n').length > 1 ? 'there is a route out' : undefined;
}

const SIGUSR1_BIT = 1n << 9n;

/** Node opens its inspector on SIGUSR1 where it catches it; the same user may send it. */
export function signalsHarmless(pids: readonly number[], proc?: string): string | undefined {
  const caught = (pid: number): boolean =>
    (BigInt(`0x${statusField(read(`${pid}/status`, proc), 'SigCgt')}`) & SIGUSR1_BIT) !== 0n;
  const catching = pids.filter(caught);
  return catching.length === 0 ? undefined : `SIGUSR1 is caught by ${catching.join(', ')}`;
}

const LISTENS = '0A';

/** Nothing listens but the meter and the proxy, so no inspector is open. */
export function onlyOurPorts(ours: readonly number[], proc?: string): string | undefined {
  const lines = ['self/net/tcp', 'self/net/tcp6'].flatMap((file) => read(file, proc).split('\n').slice(1));
  const listening = lines.map((line) => line.trim().split(/\s+/)).filter((fields) => fields[3] === LISTENS);
  const ports = listening.map((fields) => Number.parseInt(fields[1]?.split(':')[1] ?? '', 16));
  const others = ports.filter((port) => !ours.includes(port));
  return others.length === 0 ? undefined : `listening beside ours: ${others.join(', ')}`;
}
