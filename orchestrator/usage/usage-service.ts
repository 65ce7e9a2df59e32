import { z } from 'zod';
import { CodedError } from '#errors/coded-error.ts';
import type { UsageReport, UsageRow, usageReportQuery } from '#protocol/api.ts';
import type { Store } from '../store/store.ts';
import type { UsagePeriod, UsageQuery } from '../store/usage-query.ts';
import { isTimeZone } from './time-zone.ts';
import { sinceOf } from './since.ts';

/** Where the last page ended, and the window of the first: `since=24h` means the same on every page. */
const moment = z.int().min(0).max(Date.UTC(10_000, 0));
const cursorForm = z.strictObject({ since: moment, until: moment, from: moment, label: z.string() });

/** What was used, by period: the ledger's counts and nothing else. */
export class UsageService {
  readonly #store: Pick<Store, 'ledger'>;

  constructor(store: Pick<Store, 'ledger'>) {
    this.#store = store;
  }

  /** Periods without a call are left out; the first and the last may be cut by `since` and `until`. `request_invalid` with the field. */
  async report(organisation: string, query: z.output<typeof usageReportQuery>): Promise<UsageReport> {
    const { claw, key, model, task, by, group, timeZone, limit, cursor } = query;
    if (!isTimeZone(timeZone))
      throw invalid('timeZone', 'not a time zone of the IANA database, such as Europe/Berlin');
    const page = cursor === undefined ? undefined : readCursor(cursor);
    const { since, until } = page ?? windowOf(query, Date.now());
    const asked: UsageQuery = {
      since: new Date(since),
      until: new Date(until),
      by,
      group,
      timeZone,
      claw,
      key,
      model,
      task,
    };
    const rows = await this.#store.ledger.byPeriod(organisation, asked, { after: page, limit: limit + 1 });
    const items = rows.slice(0, limit);
    const last = rows.length > limit ? items.at(-1) : undefined;
    return {
      since: asked.since.toISOString(),
      until: asked.until.toISOString(),
      timeZone,
      items: items.map((row) => rowView(row, asked)),
      total: await this.#store.ledger.inAll(organisation, asked),
      nextCursor: last ? writeCursor({ since, until, from: last.from.getTime(), label: last.label }) : null,
    };
  }
}

function windowOf(
  query: Pick<z.output<typeof usageReportQuery>, 'since' | 'until'>,
  nowMs: number,
): { since: number; until: number } {
  // A call of this very millisecond counts.
  const until = query.until === undefined ? nowMs + 1 : Date.parse(query.until);
  const since = sinceOf(query.since, nowMs);
  if (since > until) throw invalid('until', 'before since');
  return { since, until };
}

function rowView({ from, to, label, usage }: UsagePeriod, { by, group }: UsageQuery): UsageRow {
  return {
    from: by === 'all' ? null : from.toISOString(),
    to: by === 'all' ? null : to.toISOString(),
    group: group === 'none' ? null : label,
    usage,
  };
}

const writeCursor = (cursor: z.infer<typeof cursorForm>): string =>
  Buffer.from(JSON.stringify(cursor)).toString('base64url');

function readCursor(text: string): z.infer<typeof cursorForm> {
  try {
    return cursorForm.parse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')));
  } catch {
    throw invalid('cursor', 'not a cursor of this list');
  }
}

const invalid = (field: string, problem: string): CodedError =>
  new CodedError('request_invalid', { fields: [{ field, problem }] });
