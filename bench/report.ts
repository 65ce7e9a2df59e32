import { parseArgs } from 'node:util';

/** One figure: what was measured of ours, against what in the same run. */
export interface Row {
  readonly what: string;
  readonly ours: number;
  readonly unit: string;
  /** Absent for a figure that stands alone. */
  readonly peer?: { readonly name: string; readonly value: number };
  /** Where more is better the ratio still is ours over the peer's. */
  readonly note?: string;
}

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } }, strict: false });

/** Prints rows for people, or with `--json` for main.ts. */
export function report(rows: readonly Row[]): void {
  for (const row of rows) console.log(values.json ? JSON.stringify(row) : line(row));
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5);

export function quantile(samples: readonly number[], part: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

/** Three significant figures. */
export const short = (value: number): string =>
  value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));

export const ratioOf = ({ ours, peer }: Row): string => (peer ? `${short(ours / peer.value)} ×` : '');

function line(row: Row): string {
  const { what, ours, unit, peer, note } = row;
  const against = peer ? `  ${ratioOf(row)} ${peer.name} (${short(peer.value)} ${unit})` : '';
  return `${what.padEnd(44)} ${short(ours).padStart(8)} ${unit}${against}${note ? `  ${note}` : ''}`;
}
