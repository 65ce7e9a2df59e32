import type { Probe } from '../status/readiness.ts';
import type { MachineRoom } from './room.ts';

/**
 * The parts of readiness that say whether there is room. Without room on the disk nothing can be kept either, so the service is not ready; little memory and a slow engine only make tasks
 * wait, which a machine in full use does: they are ready, with the reason.
 */
export function roomProbes(
  room: Pick<MachineRoom, 'shortage' | 'memoryShortage' | 'intake'>,
): Readonly<Record<'disk' | 'memory' | 'intake', Probe>> {
  return {
    disk: async () => {
      const short = await room.shortage();
      if (short !== undefined) throw new Error(`too little ${short}: tasks wait until there is more`);
    },
    memory: async () => {
      const short = await room.memoryShortage();
      return short && `too little ${short}: tasks wait until there is more`;
    },
    intake: async () => {
      const { limit, most } = room.intake;
      return limit < most ? `the engine is slow: ${limit} of ${most} cages are started at once` : undefined;
    },
  };
}
