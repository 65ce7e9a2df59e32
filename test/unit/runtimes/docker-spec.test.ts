import { describe, expect, test } from 'vitest';
import { type CageSpec, DEFAULT_RESOURCES } from '#runtime/runtime.ts';
import {
  cageName,
  cageOptions,
  type GateSpec,
  gateHash,
  gateOptions,
} from '../../../orchestrator/runtimes/docker/spec.ts';

const spec: CageSpec = { cageId: 'c1', image: 'cage:1', resources: DEFAULT_RESOURCES };
const gate: GateSpec = {
  install: 'home',
  image: 'gate:1',
  publicKeyPem: 'PEM',
  allowHosts: ['10.0.0.5:8000', 'host.docker.internal:9443'],
};

describe('the options of a cage', () => {
  const options = cageOptions(spec, 'home');
  const host = options.HostConfig;

  test('give it no network, no rights and nothing to write to but its two folders', () => {
    expect(host).toMatchObject({
      NetworkMode: 'none',
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges:true'],
      Privileged: false,
      IpcMode: 'private',
      CgroupnsMode: 'private',
    });
    expect(options.User).toBe('10001:10001');
    expect(options.Healthcheck).toEqual({ Test: ['NONE'] });
    expect(Object.keys(host.Tmpfs ?? {})).toEqual(['/work', '/tmp', '/run/clawcage']);
    expect(host.Tmpfs?.['/run/clawcage']).toBe(
      'rw,noexec,nosuid,nodev,size=8388608,mode=0700,uid=10001,gid=10001',
    );
    expect(host).not.toHaveProperty('CapAdd');
    expect(host).not.toHaveProperty('Binds');
    expect(host).not.toHaveProperty('Devices');
  });

  test('mount the gate read-only and nothing else', () => {
    expect(host.Mounts).toEqual([
      expect.objectContaining({
        Type: 'volume',
        Source: 'clawcage-gate-home',
        Target: '/run/gate',
        ReadOnly: true,
      }),
    ]);
  });

  test('leave seccomp to the engine, never off', () => {
    expect(JSON.stringify(host.SecurityOpt)).not.toContain('seccomp');
  });

  test('keep nothing of what it prints, and give no terminal', () => {
    expect(host.LogConfig).toEqual({ Type: 'none', Config: {} });
    expect(options).toMatchObject({
      Tty: false,
      AttachStdout: false,
      AttachStderr: false,
      OpenStdin: true,
      StdinOnce: true,
    });
  });

  test('set no environment and no command, so that nothing can be in them', () => {
    expect(options).not.toHaveProperty('Env');
    expect(options).not.toHaveProperty('Cmd');
    expect(options).not.toHaveProperty('Entrypoint');
  });

  test("never start it again, nor put the engine's helper before it, nor spare it when memory is short", () => {
    expect(host).toMatchObject({ RestartPolicy: { Name: 'no' }, Init: false, OomScoreAdj: 0 });
  });

  test('turn resources into limits, with no swap beyond the memory', () => {
    const resources = { memoryBytes: 1 << 28, cpus: 0.5, pids: 64, workBytes: 1 << 20, tmpBytes: 1 << 19 };
    const limited = cageOptions({ ...spec, resources }, 'home').HostConfig;
    expect(limited).toMatchObject({
      Memory: 1 << 28,
      MemorySwap: 1 << 28,
      NanoCpus: 500_000_000,
      PidsLimit: 64,
    });
    expect(limited.Tmpfs?.['/work']).toBe('rw,exec,nosuid,nodev,size=1048576,mode=0700,uid=10001,gid=10001');
    expect(limited.Tmpfs?.['/tmp']).toContain('size=524288,mode=1777');
    expect(limited.Ulimits).toContainEqual({ Name: 'core', Soft: 1, Hard: 1 });
  });

  test('name and label it by installation and cage', () => {
    expect(options.name).toBe('clawcage-home-c1');
    expect(options.Labels).toEqual({ 'clawcage.install': 'home', 'clawcage.cage': 'c1' });
  });

  test.each(['../x', 'a b', '', '-a', 'a\n'])('refuse the name %j', (cageId) => {
    expect(() => cageName('home', cageId)).toThrowError(expect.objectContaining({ code: 'runtime_refused' }));
    expect(() => cageName(cageId, 'c1')).toThrowError(expect.objectContaining({ code: 'runtime_refused' }));
  });
});

describe('the options of the gate', () => {
  const options = gateOptions(gate, 'sha256:1', 21_000);

  test('publish its port on loopback only', () => {
    expect(options.HostConfig.PortBindings).toEqual({
      '4181/tcp': [{ HostIp: '127.0.0.1', HostPort: '21000' }],
    });
  });

  test('tell it what it has to know, and no more', () => {
    expect(options.Env).toEqual([
      'CLAWCAGE_GATE_INSTALL=home',
      `CLAWCAGE_GATE_PUBLIC_KEY=${Buffer.from('PEM').toString('base64')}`,
      'CLAWCAGE_GATE_ALLOW_HOSTS=10.0.0.5:8000,host.docker.internal:9443',
      'CLAWCAGE_GATE_SOCKET=/run/gate/gate.sock',
      'CLAWCAGE_GATE_PORT=4181',
    ]);
  });

  test('bring it back when it dies, confined like a cage but for its network', () => {
    expect(options.HostConfig).toMatchObject({
      RestartPolicy: { Name: 'always' },
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges:true'],
      ExtraHosts: ['host.docker.internal:host-gateway'],
    });
    expect(options.HostConfig.Mounts).toEqual([
      expect.objectContaining({ Target: '/run/gate', ReadOnly: false }),
    ]);
  });

  test('do not make it look like a cage', () => {
    expect(options.Labels).not.toHaveProperty('clawcage.cage');
  });

  test('have a hash that changes with image, hosts and key, and not with the port', () => {
    const hash = gateHash(gate, 'sha256:1');
    expect(gateOptions(gate, 'sha256:1', 1).Labels).toEqual(gateOptions(gate, 'sha256:1', 2).Labels);
    expect(options.Labels?.['clawcage.gate']).toBe(hash);
    const others = [
      gateHash(gate, 'sha256:2'),
      gateHash({ ...gate, allowHosts: [] }, 'sha256:1'),
      gateHash({ ...gate, publicKeyPem: 'OTHER' }, 'sha256:1'),
      gateHash({ ...gate, image: 'gate:2' }, 'sha256:1'),
    ];
    expect(new Set([hash, ...others]).size).toBe(5);
  });
});
