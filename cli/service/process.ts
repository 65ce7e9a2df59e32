import { execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** How a child ended, where it did. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Child {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  /** Set as soon as it ended. */
  result(): Ended | undefined;
  /** Everything that it has written so far, both streams. */
  output(): string;
  /** Lets this process end while the child lives on. */
  release(): void;
}

/**
 * Starts a Node program in a session of its own, so that a Ctrl-C at the terminal reaches only the command, which then ends the child
 * in order. It writes to a file and not to a pipe: a pipe would break under it when the command goes away.
 */
export function startNode(
  entry: string,
  args: readonly string[],
  options: { env: NodeJS.ProcessEnv; outputFile: string },
): Child {
  mkdirSync(dirname(options.outputFile), { recursive: true, mode: 0o700 });
  const file = openSync(options.outputFile, 'w', 0o600);
  const nodeArgs = ['--disable-warning=ExperimentalWarning', entry, ...args];
  const child = spawn(process.execPath, nodeArgs, {
    env: options.env,
    stdio: ['ignore', file, file],
    detached: true,
  });
  closeSync(file);
  let result: Ended | undefined;
  const ended = new Promise<Ended>((resolve) => {
    const settle = (code: number | null, signal: NodeJS.Signals | null): void => {
      result ??= { code, signal };
      resolve(result);
    };
    child.once('exit', settle);
    child.once('error', () => settle(null, null));
  });
  return {
    pid: child.pid ?? 0,
    ended,
    result: () => result,
    output: () => readFileSync(options.outputFile, 'utf8'),
    release: () => child.unref(),
  };
}

/**
 * Whether `pid` is a living process that runs `entry`. A bare pid is not enough: after a crash and a restart of the machine another
 * program may have it, and must not be ended for it.
 */
export function runs(pid: number, entry: string): boolean {
  const command = commandOf(pid);
  return command !== undefined && command.includes(entry);
}

/** The command line of a process; `undefined` where there is none of that id. */
export function commandOf(pid: number): string | undefined {
  try {
    if (existsSync('/proc/self/cmdline'))
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return undefined;
  }
}

/** Ends the process that runs `entry` with SIGTERM and waits; false where it still lives after `waitMs`. */
export async function endProcess(pid: number, entry: string, waitMs: number): Promise<boolean> {
  const until = performance.now() + waitMs;
  if (!runs(pid, entry)) return true;
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
  while (runs(pid, entry)) {
    if (performance.now() > until) return false;
    await delay(25);
  }
  return true;
}
