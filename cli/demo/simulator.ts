import { join } from 'node:path';
import { z } from 'zod';
import type { Cli } from '../cli.ts';
import { failure } from '../failure.ts';
import { waitForLine } from '../service/child-lines.ts';
import { readPidFile, removePidFile, writePidFile } from '../service/pid-file.ts';
import { endProcess, runs, startNode } from '../service/process.ts';
import { demoFolder } from './folder.ts';

const ready = z.looseObject({ url: z.string(), port: z.int(), ca: z.string(), keyFile: z.string() });
const READY_MS = 30_000;
const END_MS = 5000;

/**
 * Where the demo's simulator listens. It has to be known before the service starts, since the gate lets a private address through only
 * where the service was told of it; the port stays the same for good, since the demo's key names it.
 */
export interface DemoPlan {
  readonly port: number;
  readonly addresses: readonly string[];
}

export interface Simulator {
  readonly port: number;
  readonly url: string;
  /** The PEM file of the CA that signed its certificate. */
  readonly ca: string;
  /** The keys that it takes, one a line. */
  readonly keyFile: string;
}

const pidFile = (cli: Pick<Cli, 'place'>): string => join(demoFolder(cli), 'pid');

/** The simulator of this home where it runs already. */
export function findSimulator(cli: Cli): Simulator | undefined {
  const left = readPidFile(pidFile(cli));
  if (!left || !runs(left.pid, cli.programs.simulator)) return undefined;
  const parsed = ready.safeParse(left);
  return parsed.success ? parsed.data : undefined;
}

/** Finds or starts the simulator; `start_failed` with what it said where it does not start. It runs until `endSimulator`. */
export async function startSimulator(cli: Cli, plan: DemoPlan, signal: AbortSignal): Promise<Simulator> {
  const running = findSimulator(cli);
  if (running) return running;
  const args = ['--host', plan.addresses.join(','), '--port', String(plan.port), '--dir', demoFolder(cli)];
  const child = startNode(cli.programs.simulator, args, {
    env: simulatorEnv(cli.terminal.env),
    outputFile: join(demoFolder(cli), 'simulator.log'),
  });
  const waited = await waitForLine(child, (line) => ready.safeParse(line).success, {
    timeoutMs: READY_MS,
    signal,
  });
  if (!waited.line) {
    if (!waited.ended) await endProcess(child.pid, cli.programs.simulator, END_MS);
    throw failure('start_failed', { program: 'simulator', port: plan.port, said: waited.rest.join(' | ') });
  }
  const { url, port, ca, keyFile } = ready.parse(waited.line);
  const simulator = { url, port, ca, keyFile };
  writePidFile(pidFile(cli), { pid: child.pid, ...simulator });
  child.release();
  return simulator;
}

/** Ends this home's simulator where it runs. */
export async function endSimulator(cli: Cli): Promise<void> {
  const left = readPidFile(pidFile(cli));
  if (!left) return;
  await endProcess(left.pid, cli.programs.simulator, END_MS);
  removePidFile(pidFile(cli), left.pid);
}

/** It is no part of the service and gets none of its settings. */
function simulatorEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('CLAWCAGE_')));
}
