import { usageReport, type UsageReport, type UsageRow } from '#protocol/api.ts';
import { say, writeJson, type Cli } from '../cli.ts';
import type { Client } from '../client.ts';
import { count } from '../terminal/words.ts';
import { showChart } from './chart.ts';
import { chartRows, type Period } from './rows.ts';

export interface ReportQuery {
  readonly claw?: string;
  readonly by: Period;
  readonly group: string;
  readonly since: string;
  readonly until?: string;
  readonly timeZone: string;
}

/** The report of the service, all its pages in one. */
export async function readReport(client: Client, query: ReportQuery): Promise<UsageReport> {
  const given = new URLSearchParams({ ...query, limit: '2000' });
  const first = await client.get(`/api/v1/usage?${given}`, usageReport);
  const items: UsageRow[] = [...first.items];
  let cursor = first.nextCursor;
  while (cursor !== null) {
    given.set('cursor', cursor);
    const next: UsageReport = await client.get(`/api/v1/usage?${given}`, usageReport);
    items.push(...next.items);
    cursor = next.nextCursor;
  }
  return { ...first, items, nextCursor: null };
}

export function showReport(
  cli: Cli,
  report: UsageReport,
  { query, json }: { query: ReportQuery; json: boolean },
): void {
  if (json) return writeJson(cli, report);
  if (report.items.length === 0) return say(cli, 'Nothing was used in that time.');
  const { total, timeZone } = report;
  showChart(cli, chartRows(report.items, query.by, timeZone));
  say(cli, '');
  say(
    cli,
    `in all ${count(total.totalTokens)} tokens (${count(total.inputTokens)} in, ${count(total.cachedTokens)} of them cached; ${count(total.outputTokens)} out, ${count(total.reasoningTokens)} of them reasoning), ${count(total.requests)} requests`,
  );
  if (query.by !== 'all') say(cli, `times in ${timeZone}`);
}
