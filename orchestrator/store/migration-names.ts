/** `0007-what-it-does`, or, where it takes away what an older release used, `0007-contract-since-0.3.0-what-it-does`. */
const NAME = /^(?<number>\d{4})-(?:contract-since-(?<since>\d+\.\d+\.\d+)-)?[a-z0-9][a-z0-9-]*$/;
/** One that takes away and does not say since when: no release can tell whether it still needs what is gone. */
const CONTRACTS = /^\d{4}-contract\b/;

export interface MigrationName {
  readonly number: number;
  /** Takes something away; `since` is the first release that does not use it any more. */
  readonly contracts?: { readonly since: string };
}

/** `undefined` where it is no name of a migration. */
export function parseMigrationName(name: string): MigrationName | undefined {
  const { number, since } = NAME.exec(name)?.groups ?? {};
  if (number === undefined || (since === undefined && CONTRACTS.test(name))) return undefined;
  return { number: Number(number), ...(since !== undefined && { contracts: { since } }) };
}

/** Whether `release` works on tables that this migration has changed although it does not know it: all but what was taken away from it. */
export function worksWith(release: string, migration: string): boolean {
  const name = parseMigrationName(migration);
  if (name === undefined) return false;
  return name.contracts === undefined || !isBefore(release, name.contracts.since);
}

/** By the three numbers of a release; what follows them does not count. */
export function isBefore(a: string, b: string): boolean {
  const [one, other] = [a, b].map((release) => release.split(/[.+-]/).slice(0, 3).map(Number));
  for (let at = 0; at < 3; at++) {
    const difference = (one![at] ?? 0) - (other![at] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
