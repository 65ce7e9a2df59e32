import { invalidParameter } from '../provider-error.ts';

const MOST = 10_000;

export interface Page<Item> {
  readonly object: 'list';
  readonly data: readonly Item[];
  readonly first_id: string | null;
  readonly last_id: string | null;
  readonly has_more: boolean;
}

/** A page of what is there, oldest last unless `order=asc`; `after` is the id of the last one seen, `limit` how many. */
export function page<Item extends { readonly id: string }>(
  oldestFirst: readonly Item[],
  query: URLSearchParams,
  usual = 20,
): Page<Item> {
  const limit = Number(query.get('limit') ?? usual);
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST)
    throw invalidParameter('limit', `Invalid 'limit': a whole number from 1 to ${MOST}.`);
  const ordered = query.get('order') === 'asc' ? oldestFirst : oldestFirst.toReversed();
  const after = query.get('after');
  const from = after === null ? 0 : ordered.findIndex(({ id }) => id === after) + 1;
  if (after !== null && from === 0) throw invalidParameter('after', `No such object: ${after}`);
  const data = ordered.slice(from, from + limit);
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: from + limit < ordered.length,
  };
}
