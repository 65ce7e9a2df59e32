import { expect, test } from 'vitest';
import { checkEngine } from '../../../orchestrator/runtimes/docker/engine-facts.ts';

const good = {
  OSType: 'linux',
  SecurityOptions: ['name=seccomp,profile=default'],
  MemoryLimit: true,
  CpuCfsQuota: true,
  PidsLimit: true,
};

test('an engine with seccomp and limits is taken, whatever its profile is called', () => {
  checkEngine(good);
  checkEngine({
    ...good,
    SecurityOptions: ['name=apparmor', 'name=seccomp,profile=builtin', 'name=cgroupns'],
  });
});

test.each([
  [{ SecurityOptions: [] }, 'seccomp'],
  [{ SecurityOptions: null }, 'seccomp'],
  [{ SecurityOptions: ['name=seccomp,profile=unconfined'] }, 'seccomp'],
  [{ MemoryLimit: false }, 'memory limits'],
  [{ CpuCfsQuota: false }, 'CPU limits'],
  [{ PidsLimit: false }, 'pids limits'],
  [{ OSType: 'windows' }, 'Linux containers'],
])('an engine with %j is refused, and told what it lacks', (facts, lacks) => {
  expect(() => checkEngine({ ...good, ...facts })).toThrowError(
    expect.objectContaining({
      code: 'runtime_unsupported',
      details: { reason: expect.stringContaining(lacks) },
    }),
  );
});
