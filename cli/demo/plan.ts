import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cli } from '../cli.ts';
import { bindError } from '../service/start-service.ts';
import { bridgeAddress } from './bridge-address.ts';
import { demoFolder } from './folder.ts';
import { findSimulator, type DemoPlan } from './simulator.ts';

export const DEMO_HOST = 'host.docker.internal';
const FIRST_PORT = 4182;
const PORTS_TRIED = 50;

const portFile = (cli: Pick<Cli, 'place'>): string => join(demoFolder(cli), 'port');
const declinedFile = (cli: Pick<Cli, 'place'>): string => join(demoFolder(cli), 'declined');

/** `undefined` where an earlier start found a store in use without a demo: then the gate is not opened for one either. */
export async function demoPlan(cli: Cli): Promise<DemoPlan | undefined> {
  const recorded = recordedPort(cli);
  if (recorded === undefined && existsSync(declinedFile(cli))) return undefined;
  const bridge = await bridgeAddress(cli.terminal.env);
  const addresses = ['127.0.0.1', ...(bridge === undefined ? [] : [bridge])];
  return { addresses, port: recorded ?? findSimulator(cli)?.port ?? (await freePort(addresses)) };
}

/** The service's list of private addresses, with the simulator's added. */
export function allowHosts(env: Readonly<Record<string, string | undefined>>, { port }: DemoPlan): string {
  const given = (env.CLAWCAGE_GATE_ALLOW_HOSTS ?? '').split(',').map((host) => host.trim());
  return [...new Set([...given, `${DEMO_HOST}:${port}`])].filter((host) => host !== '').join(',');
}

export function recordPort(cli: Cli, { port }: DemoPlan): void {
  write(portFile(cli), `${port}\n`);
}

export function recordDeclined(cli: Cli): void {
  write(
    declinedFile(cli),
    'The store was in use without a demo. Delete this file to have one made when the store is empty.\n',
  );
}

function recordedPort(cli: Cli): number | undefined {
  if (!existsSync(portFile(cli))) return undefined;
  const port = Number(readFileSync(portFile(cli), 'utf8').trim());
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
}

function write(file: string, content: string): void {
  mkdirSync(join(file, '..'), { recursive: true, mode: 0o700 });
  writeFileSync(file, content, { mode: 0o600 });
}

async function freePort(addresses: readonly string[]): Promise<number> {
  for (let port = FIRST_PORT; port < FIRST_PORT + PORTS_TRIED; port++) {
    const errors = await Promise.all(addresses.map((address) => bindError(address, port)));
    if (errors.every((error) => error === undefined)) return port;
  }
  return FIRST_PORT;
}
