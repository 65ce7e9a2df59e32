import { readFileSync } from 'node:fs';

/**
 * Where things lie in a cage. One value, handed to the warden's constructor: never read from the environment, which is
 * the agent's to set for its own children.
 */
export interface CagePaths {
  /** PID 1; only to be executed (0711). */
  readonly tini: string;
  /** The Node of warden and meter; only to be executed (0711), so that the kernel closes their processes to the agent. */
  readonly protectedNode: string;
  /** The built-in agent's Node, an ordinary readable one. */
  readonly agentNode: string;
  /** The shell of the self-proof: readable like what an agent runs, and ours, since an image may have none, or one that tells tales. */
  readonly probeShell: string;
  readonly meterEntry: string;
  readonly agentEntry: string;
  /** Everything of ours in the image: root owns it, the agent must not be able to write into it. */
  readonly installation: string;
  readonly compileCache: string | undefined;
  readonly work: string;
  /** What the warden tells the agent in files: the task, certificate authorities. Mode 0700. */
  readonly run: string;
  /** What else the agent can write, emptied with the two above before a cage is used again. */
  readonly scratch: readonly string[];
  /** The search path of the agent and its tools. */
  readonly searchPath: string;
}

export const IMAGE_PATHS: CagePaths = {
  tini: '/opt/clawcage/bin/tini',
  protectedNode: '/opt/clawcage/bin/node',
  agentNode: '/opt/clawcage/agent/node',
  probeShell: '/opt/clawcage/agent/sh',
  meterEntry: '/opt/clawcage/meter.mjs',
  agentEntry: '/opt/clawcage/agent.mjs',
  installation: '/opt/clawcage',
  compileCache: '/opt/clawcage/cache',
  work: '/work',
  run: '/run/clawcage',
  scratch: ['/tmp', '/dev/shm', '/dev/mqueue'],
  searchPath: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
};

/** Of warden and meter, as the Dockerfile has them: no inspector on a signal, and no code that an image's /etc/ssl/openssl.cnf names. */
export const PROTECTED_OPTIONS = ['--disable-sigusr1', '--openssl-config=/dev/null'] as const;

/** Whether every process that can be seen belongs to this cage: only then may the warden end processes that are not its own. */
export function inCage(paths: CagePaths, init = '/proc/1/cmdline'): boolean {
  if (process.getuid?.() === 0) return false;
  return readFileSync(init, 'utf8').split('\0')[0] === paths.tini;
}
