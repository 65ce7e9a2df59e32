import { CodedError } from '#errors/coded-error.ts';

/** A page of a list that is ordered by id. `nextCursor` null: there is no more. */
export interface IdPage<Row> {
  readonly items: Row[];
  readonly nextCursor: string | null;
}

/** The page out of `limit + 1` rows. Rows that come meanwhile neither shift nor repeat a page. */
export function pageOf<Row extends { readonly id: string }>(rows: Row[], limit: number): IdPage<Row> {
  const items = rows.slice(0, limit);
  const last = rows.length > limit ? items.at(-1) : undefined;
  return { items, nextCursor: last === undefined ? null : Buffer.from(last.id).toString('base64url') };
}

/** The id behind which the page begins. `request_invalid` for a cursor that is none of this list. */
export function idIn(cursor: string, prefix: string): string {
  const id = Buffer.from(cursor, 'base64url').toString('utf8');
  if (new RegExp(`^${prefix}_[0-9a-z]{20}$`).test(id)) return id;
  throw new CodedError('request_invalid', {
    fields: [{ field: 'cursor', problem: 'not a cursor of this list' }],
  });
}
