import type { UsageRow } from '#protocol/api.ts';

export type Period = 'minute' | 'hour' | 'day' | 'all';

/** A line of the chart; `undefined` for a stretch of periods in which nothing was used. */
export type ChartRow = { readonly label: string; readonly row: UsageRow | undefined } | undefined;

const STEP_MS = { minute: 60_000, hour: 3600_000, day: 24 * 3600_000 } as const;

/** Labels the rows, and shows where periods without use lie between them: the service leaves them out. */
export function chartRows(rows: readonly UsageRow[], by: Period, timeZone: string): ChartRow[] {
  if (by === 'all') return rows.map((row) => ({ label: row.group ?? 'in all', row }));
  const grouped = rows.some(({ group }) => group !== null);
  const label = labels(by, timeZone);
  return rows.flatMap((row, index): ChartRow[] => {
    const own = { label: `${label(row.from!)}${row.group === null ? '' : `  ${row.group}`}`, row };
    const before = grouped ? undefined : rows[index - 1];
    return before ? [...between(before, row, by, label), own] : [own];
  });
}

/** One period without use is shown; of more there is only a sign, however many. */
function between(
  before: UsageRow,
  row: UsageRow,
  by: keyof typeof STEP_MS,
  label: (iso: string) => string,
): ChartRow[] {
  const missing = Math.round((Date.parse(row.from!) - Date.parse(before.to!)) / STEP_MS[by]);
  if (missing < 1) return [];
  return missing === 1 ? [{ label: label(before.to!), row: undefined }] : [undefined];
}

function labels(by: keyof typeof STEP_MS, timeZone: string): (iso: string) => string {
  const format = new Intl.DateTimeFormat('en-CA', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  return (iso) => {
    const parts = Object.fromEntries(
      format.formatToParts(new Date(iso)).map(({ type, value }) => [type, value]),
    );
    const day = `${parts.year}-${parts.month}-${parts.day}`;
    return by === 'day' ? day : `${day} ${parts.hour}:${parts.minute}`;
  };
}
