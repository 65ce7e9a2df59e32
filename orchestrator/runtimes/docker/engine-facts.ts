import { CodedError } from '#errors/coded-error.ts';

/** The parts of the engine's `info` that the promises to a cage rest on. */
export interface EngineFacts {
  readonly OSType?: string;
  readonly SecurityOptions?: readonly string[] | null;
  readonly MemoryLimit?: boolean;
  readonly CpuCfsQuota?: boolean;
  readonly PidsLimit?: boolean;
  readonly DockerRootDir?: string;
}

/**
 * Refuses an engine that would take a cage's options and not keep them: `runtime_unsupported`, with what is missing. Engines
 * only warn of a limit that they cannot set.
 */
export function checkEngine(facts: EngineFacts): void {
  const missing: string[] = [];
  if (facts.OSType !== 'linux') missing.push('Linux containers');
  const seccomp = facts.SecurityOptions?.find((option) => option.startsWith('name=seccomp'));
  if (!seccomp || seccomp.includes('profile=unconfined')) missing.push('a seccomp profile by default');
  if (facts.MemoryLimit === false) missing.push('memory limits');
  if (facts.CpuCfsQuota === false) missing.push('CPU limits');
  if (facts.PidsLimit === false) missing.push('pids limits');
  if (missing.length > 0)
    throw new CodedError('runtime_unsupported', { reason: `the engine lacks ${missing.join(', ')}` });
}
