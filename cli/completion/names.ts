import { z } from 'zod';
import { clientOf, type Cli } from '../cli.ts';
import type { Candidate, Names } from './tree.ts';

/** Somebody waits with a finger on the Tab key: what does not come by then is not offered. */
const PATIENCE_MS = 400;

const named = z.object({
  items: z.array(
    z.looseObject({
      name: z.string().optional(),
      id: z.string().optional(),
      claw: z.string().optional(),
      state: z.string().optional(),
    }),
  ),
});

/** The names that begin so; none where the service does not answer at once. */
export async function namesOf(cli: Cli, of: Names, typed: string): Promise<Candidate[]> {
  const path = of === 'tasks' || of === 'batches' ? `/api/v1/${of}?limit=50` : `/api/v1/${of}?limit=200`;
  try {
    const { items } = await clientOf(cli).get(path, named, { timeoutMs: PATIENCE_MS });
    return items
      .map((item) => ({
        word: item.name ?? item.id ?? '',
        about: [item.claw, item.state].filter(Boolean).join(', '),
      }))
      .filter(({ word }) => word !== '' && word.startsWith(typed));
  } catch {
    return [];
  }
}
