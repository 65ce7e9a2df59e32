import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** A name of this machine since it was last started: processes of another name of it are gone, whatever their id. */
export function machineName(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return hostname();
  }
}
