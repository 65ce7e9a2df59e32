import type { CageResourceSettings } from '#protocol/api.ts';
import type { CageResources } from '#runtime/runtime.ts';

const MIB = 1024 * 1024;

/** What a Claw's owner set, as the runtime takes it. */
export function resourcesOf({ memoryMiB, cpus, pids, workMiB, tmpMiB }: CageResourceSettings): CageResources {
  return { memoryBytes: memoryMiB * MIB, cpus, pids, workBytes: workMiB * MIB, tmpBytes: tmpMiB * MIB };
}
