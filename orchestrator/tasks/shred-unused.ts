import type { Vault } from '#vault/vault.ts';
import { inParallel } from '../batches/in-parallel.ts';
import type { TasksStore } from '../store/tasks-store.ts';

/** Keys that are destroyed at once. */
const AT_ONCE = 16;

/**
 * Destroys the shredding keys of tasks that were sealed and not put in. One whose row is there all the same, since only the database's answer was lost,
 * keeps its key. Never rejects: what cannot be destroyed now the reconciler destroys.
 */
export async function shredUnused(
  tasks: Pick<TasksStore, 'holdingContent'>,
  vault: Pick<Vault, 'shred'>,
  ids: readonly string[],
): Promise<void> {
  try {
    const used = await tasks.holdingContent(ids);
    const unused = ids.filter((id) => !used.has(id));
    await inParallel(unused, AT_ONCE, (id) => vault.shred(id).catch(() => undefined));
  } catch {
    // Nobody can tell now which are needed.
  }
}
