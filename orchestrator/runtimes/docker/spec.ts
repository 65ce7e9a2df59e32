import { createHash } from 'node:crypto';
import type Docker from 'dockerode';
import type { CageSpec } from '#runtime/runtime.ts';
import { checkedName } from '../names.ts';

export const LABEL_INSTALL = 'clawcage.install';
export const LABEL_CAGE = 'clawcage.cage';
export const LABEL_GATE = 'clawcage.gate';
/** Of what makes one gate as good as another, whichever release's image it is of. */
export const LABEL_GATE_SETTINGS = 'clawcage.gate.settings';
/** Of the call that made a cage's container, so that one whose answer was lost is known again. */
export const LABEL_CALL = 'clawcage.call';

/** The gate's image and the cage's agree on the user, so that the socket of one is the other's to connect to. */
const USER = '10001:10001';
const GATE_FOLDER = '/run/gate';
export const GATE_SOCKET = `${GATE_FOLDER}/gate.sock`;
export const GATE_PORT = 4181;

const MIB = 1024 * 1024;
/** For what the warden tells the agent in files: the task, certificate authorities. */
const RUN_BYTES = 8 * MIB;
const GATE_MEMORY_BYTES = 256 * MIB;

/** The engine takes more than the SDK's types know. */
export interface CreateOptions extends Docker.ContainerCreateOptions {
  HostConfig: Docker.HostConfig & { CgroupnsMode?: 'private' };
}

export interface GateSpec {
  readonly install: string;
  readonly image: string;
  /** PEM of the Ed25519 public key of the installation. */
  readonly publicKeyPem: string;
  /** Private addresses that it may reach, `host:port`. */
  readonly allowHosts: readonly string[];
}

export const cageName = (install: string, cageId: string): string =>
  `clawcage-${checkedName('install', install)}-${checkedName('cageId', cageId)}`;
export const gateName = (install: string): string => `clawcage-gate-${checkedName('install', install)}`;
/** The volume with the gate's socket has the name of the gate. */
export const gateVolume = (install: string): string => gateName(install);

/**
 * No core dumps: one byte, not none. Where the kernel hands dumps to a program (`core_pattern` with a pipe: apport, systemd-coredump) it
 * does not heed a limit of 0, and takes 1 as the order to drop the dump (do_coredump in fs/coredump.c).
 */
const NO_CORE = { Name: 'core', Soft: 1, Hard: 1 };

/** What every container of ours has: no way to more rights, no core dumps, no helper of the engine as PID 1. */
const confined = {
  ReadonlyRootfs: true,
  CapDrop: ['ALL'],
  Privileged: false,
  // No seccomp entry: the engine's own default profile applies then, and `prepare` refuses an engine without one.
  SecurityOpt: ['no-new-privileges:true'],
  IpcMode: 'private',
  Init: false,
  OomScoreAdj: 0,
} as const;

/**
 * The engine's options for a cage: DESIGN section 5, line by line. Holds nothing but names, limits and labels: whatever is
 * secret or a tenant's comes over stdin and the link. Errors: `runtime_refused` for a name that the engine would not take.
 */
export function cageOptions(spec: CageSpec, install: string): CreateOptions {
  const { memoryBytes, cpus, pids, workBytes, tmpBytes } = spec.resources;
  return {
    name: cageName(install, spec.cageId),
    Image: spec.image,
    Hostname: 'cage',
    User: USER,
    // The engine would keep what a check of the image's prints.
    Healthcheck: { Test: ['NONE'] },
    Labels: { [LABEL_INSTALL]: install, [LABEL_CAGE]: spec.cageId },
    Tty: false,
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: false,
    AttachStderr: false,
    HostConfig: {
      ...confined,
      NetworkMode: 'none',
      // Otherwise the engine copies the resolvers of its host into the cage.
      Dns: ['127.0.0.1'],
      DnsSearch: ['.'],
      CgroupnsMode: 'private',
      Memory: memoryBytes,
      MemorySwap: memoryBytes,
      NanoCpus: Math.round(cpus * 1e9),
      PidsLimit: pids,
      Ulimits: [NO_CORE, { Name: 'nofile', Soft: 4096, Hard: 4096 }],
      LogConfig: { Type: 'none', Config: {} },
      RestartPolicy: { Name: 'no' },
      Tmpfs: {
        '/work': tmpfs(workBytes, '0700'),
        '/tmp': tmpfs(tmpBytes, '1777'),
        '/run/clawcage': tmpfs(RUN_BYTES, '0700', 'noexec'),
      },
      Mounts: [gateMount(install, true)],
    },
  };
}

/**
 * The engine's options for the gate on `hostPort`. Its hash, which leaves the port out, says whether a standing gate is still
 * the wanted one; `imageId` is part of it, since a name may come to mean another image.
 */
export function gateOptions(spec: GateSpec, imageId: string, hostPort: number): CreateOptions {
  const options = gateWithoutPort(spec);
  const port = `${GATE_PORT}/tcp`;
  return {
    ...options,
    Labels: {
      [LABEL_INSTALL]: spec.install,
      [LABEL_GATE]: gateHash(spec, imageId),
      [LABEL_GATE_SETTINGS]: gateSettings(spec),
    },
    ExposedPorts: { [port]: {} },
    HostConfig: {
      ...options.HostConfig,
      PortBindings: { [port]: [{ HostIp: '127.0.0.1', HostPort: String(hostPort) }] },
    },
  };
}

export const gateHash = (spec: GateSpec, imageId: string): string => hashOf([gateWithoutPort(spec), imageId]);

export const gateSettings = (spec: GateSpec): string => hashOf({ ...gateWithoutPort(spec), Image: '' });

const hashOf = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32);

function gateWithoutPort(spec: GateSpec): CreateOptions {
  return {
    name: gateName(spec.install),
    Image: spec.image,
    Hostname: 'gate',
    User: USER,
    Tty: false,
    OpenStdin: false,
    Env: [
      `CLAWCAGE_GATE_INSTALL=${spec.install}`,
      `CLAWCAGE_GATE_PUBLIC_KEY=${Buffer.from(spec.publicKeyPem).toString('base64')}`,
      `CLAWCAGE_GATE_ALLOW_HOSTS=${spec.allowHosts.join(',')}`,
      `CLAWCAGE_GATE_SOCKET=${GATE_SOCKET}`,
      `CLAWCAGE_GATE_PORT=${GATE_PORT}`,
    ],
    HostConfig: {
      ...confined,
      NetworkMode: 'bridge',
      ExtraHosts: ['host.docker.internal:host-gateway'],
      Memory: GATE_MEMORY_BYTES,
      MemorySwap: GATE_MEMORY_BYTES,
      PidsLimit: 128,
      // Open files: whatever the engine gives; asking for more than its own limit keeps the container from starting.
      Ulimits: [NO_CORE],
      // The gate's log carries ids and counts only; bounded, and kept for who looks into a failure.
      LogConfig: { Type: 'local', Config: { 'max-size': '5m', 'max-file': '2' } },
      RestartPolicy: { Name: 'always' },
      Tmpfs: { '/tmp': tmpfs(16 * MIB, '1777') },
      Mounts: [gateMount(spec.install, false)],
    },
  };
}

export function volumeOptions(install: string): Docker.VolumeCreateOptions {
  return { Name: gateVolume(install), Labels: { [LABEL_INSTALL]: install } };
}

/** Scripts of the agent run from `/work` and `/tmp`, so they are not `noexec`; what lies there counts against the cage's memory. */
const tmpfs = (bytes: number, mode: string, exec: 'exec' | 'noexec' = 'exec'): string =>
  `rw,${exec},nosuid,nodev,size=${bytes},mode=${mode},uid=10001,gid=10001`;

/**
 * A fresh volume takes owner and mode of the image's own folder from the gate, which mounts it first; a cage copies nothing
 * into it.
 */
function gateMount(install: string, readOnly: boolean): Docker.MountSettings {
  const volume = volumeOptions(install);
  return {
    Type: 'volume',
    Source: gateVolume(install),
    Target: GATE_FOLDER,
    ReadOnly: readOnly,
    VolumeOptions: { NoCopy: readOnly, Labels: volume.Labels ?? {}, DriverConfig: { Name: '', Options: {} } },
  };
}
