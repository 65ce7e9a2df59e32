import { addressOf, adminToken, type Place } from './service/place.ts';
import { Client } from './client.ts';
import type { ExitCode } from './exit-codes.ts';
import type { Terminal } from './terminal/terminal.ts';

/** What every command gets: the terminal, the place, and the programs that it may start. */
export interface Cli {
  readonly terminal: Terminal;
  readonly place: Place;
  /** The service's and the simulator's entry files. */
  readonly programs: Programs;
  /** Set by a command that ended without a failure but not with 0. */
  exitCode: ExitCode;
}

export interface Programs {
  readonly service: string;
  /** Saves and restores what no running service is needed for. */
  readonly backup: string;
  readonly simulator: string;
  readonly example: string;
}

/** A client of the service of this place, running or not. */
export function clientOf({ place }: Pick<Cli, 'place'>): Client {
  return new Client({ url: addressOf(place), token: adminToken(place) });
}

export function writeJson(cli: Cli, value: unknown): void {
  cli.terminal.stdout.write(`${JSON.stringify(value)}\n`);
}

export function say(cli: Cli, line: string): void {
  cli.terminal.stdout.write(`${line}\n`);
}
