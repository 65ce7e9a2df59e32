import type { Breach, Facts } from './facts.ts';

/** What was accepted is there, once, and nothing else is. */
export function checkAccepted({ asked, rows }: Pick<Facts, 'asked' | 'rows'>): Breach[] {
  const breaches: Breach[] = [];
  const breach = (of: string, what: string) => breaches.push({ check: 'accepted', of, what });
  const known = new Map(rows.map(({ id, name }) => [id, name]));
  const rowsOf = Map.groupBy(rows, ({ name }) => name);
  for (const { name, ids } of asked) {
    const different = [...new Set(ids)];
    if (different.length > 1) breach(name, `one key, several tasks: ${different.join(', ')}`);
    for (const id of different)
      if (known.get(id) !== name) breach(name, `accepted as ${id}, and no row has it`);
    const count = rowsOf.get(name)?.length ?? 0;
    if (count > 1) breach(name, `${count} rows of one key`);
  }
  const names = new Set(asked.map(({ name }) => name));
  for (const { id, name } of rows)
    if (name === null || !names.has(name)) breach(id, 'a row that nobody asked for');
  return breaches;
}
