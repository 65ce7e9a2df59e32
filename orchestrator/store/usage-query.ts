import { sql, type Kysely, type RawBuilder } from 'kysely';
import type { UsageView } from '#protocol/api.ts';
import type { Database } from './schema.ts';

export type Period = 'minute' | 'hour' | 'day' | 'all';
export type Grouping = 'none' | 'claw' | 'key' | 'model' | 'task' | 'operation';

export interface UsageQuery {
  /** Inclusive. */
  readonly since: Date;
  /** Exclusive. */
  readonly until: Date;
  readonly by: Period;
  readonly group: Grouping;
  /** IANA name. */
  readonly timeZone: string;
  /** A name or an id. A name means all that bore it, deleted ones with them. */
  readonly claw?: string | undefined;
  readonly key?: string | undefined;
  readonly model?: string | undefined;
  readonly task?: string | undefined;
}

/** Where a page ends: the period's beginning in milliseconds, and the label. */
export interface UsageMark {
  readonly from: number;
  readonly label: string;
}

export interface UsagePeriod {
  readonly from: Date;
  readonly to: Date;
  /** Empty where nothing is grouped. */
  readonly label: string;
  readonly usage: UsageView;
}

const COUNTS = sql`
  coalesce(sum(requests), 0)::bigint as requests,
  coalesce(sum(input_tokens), 0)::bigint as input_tokens,
  coalesce(sum(cached_tokens), 0)::bigint as cached_tokens,
  coalesce(sum(output_tokens), 0)::bigint as output_tokens,
  coalesce(sum(reasoning_tokens), 0)::bigint as reasoning_tokens,
  coalesce(sum(total_tokens), 0)::bigint as total_tokens`;

const LABELS: Readonly<Record<Grouping, RawBuilder<string>>> = {
  none: sql`''`,
  claw: sql`coalesce(claws.name, ledger.claw_id)`,
  key: sql`coalesce(keys.name, ledger.key_id)`,
  model: sql`ledger.model`,
  task: sql`ledger.task_id`,
  operation: sql`ledger.operation`,
};

/** Periods that have calls, in the order of their time, at most `limit`. */
export async function usageByPeriod(
  db: Kysely<Database>,
  organisation: string,
  query: UsageQuery,
  { after, limit }: { readonly after?: UsageMark | undefined; readonly limit: number },
): Promise<UsagePeriod[]> {
  const behind = after
    ? sql`where (period, label) > (${new Date(after.from)}::timestamptz, ${after.label})`
    : sql``;
  const { rows } = await sql<Omit<UsagePeriod, 'usage'> & UsageView>`
    select period as "from", ${endOf(query)} as "to", label, ${COUNTS}
    from (${calls(organisation, query)}) as calls ${behind}
    group by period, label
    order by period, label
    limit ${limit}`.execute(db);
  return rows.map(({ from, to, label, ...usage }) => ({ from, to, label, usage }));
}

export async function usageInAll(
  db: Kysely<Database>,
  organisation: string,
  query: UsageQuery,
): Promise<UsageView> {
  const { rows } =
    await sql<UsageView>`select ${COUNTS} from (${calls(organisation, query)}) as calls`.execute(db);
  return rows[0]!;
}

/** Each call with its period and its label, so that both can be grouped by although they are made of parameters. */
function calls(organisation: string, query: UsageQuery): RawBuilder<unknown> {
  const { since, until, claw, key, model, task } = query;
  const only = (condition: RawBuilder<unknown>, value: string | undefined) =>
    value === undefined ? sql`` : sql` and ${condition}`;
  return sql`
    select ${beginOf(query)} as period, (${LABELS[query.group]}) collate "C" as label, ledger.*
    from ledger
    left join claws on claws.organisation_id = ledger.organisation_id and claws.id = ledger.claw_id
    left join keys on keys.organisation_id = ledger.organisation_id and keys.id = ledger.key_id
    where ledger.organisation_id = ${organisation} and ledger.at >= ${since} and ledger.at < ${until}
    ${only(sql`${claw} in (claws.name, ledger.claw_id)`, claw)}
    ${only(sql`${key} in (keys.name, ledger.key_id)`, key)}
    ${only(sql`ledger.model = ${model}`, model)}
    ${only(sql`ledger.task_id = ${task}`, task)}`;
}

/** PostgreSQL truncates in the zone's own time and keeps the offset, so that the hour that comes twice in autumn is two periods. */
function beginOf({ by, timeZone, since }: UsageQuery): RawBuilder<unknown> {
  return by === 'all' ? sql`${since}::timestamptz` : sql`date_trunc(${by}, ledger.at, ${timeZone})`;
}

/** A day ends at the next midnight of the zone, 23 to 25 hours later. */
function endOf({ by, timeZone, until }: UsageQuery): RawBuilder<unknown> {
  if (by === 'all') return sql`${until}::timestamptz`;
  if (by === 'day')
    return sql`((period at time zone ${timeZone}) + interval '1 day') at time zone ${timeZone}`;
  return sql`period + ${`1 ${by}`}::interval`;
}
