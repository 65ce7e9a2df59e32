import { capsOf } from '../launch/caps-of.ts';
import type { Limiter } from '../limiter/limiter.ts';
import type { DispatchQueue } from '../queue/dispatch-queue.ts';
import type { MachineRoom } from '../room/room.ts';
import type { Store } from '../store/store.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';

interface Parts {
  readonly store: Store;
  readonly queue: DispatchQueue;
  readonly limiter: Limiter;
  readonly room: Pick<MachineRoom, 'reading' | 'intake'>;
  readonly telemetry: Telemetry;
  readonly organisation: string;
}

/** Sets what is a state and not an event, before a page of metrics: tasks by state, queue depth, room for starts, what counts against each Claw's caps. */
export async function readGauges({
  store,
  queue,
  limiter,
  room,
  telemetry,
  organisation,
}: Parts): Promise<void> {
  telemetry.tasksByState(await store.tasks.byState(organisation));
  telemetry.queueDepth(await queue.depth());
  telemetry.roomRead(await room.reading(), room.intake);
  for (const claw of await store.claws.list(organisation)) {
    telemetry.clawSeen({ claw: claw.id, model: claw.model });
    telemetry.windowRead(claw.id, capsOf(claw), await limiter.window(organisation, 'claw', claw.id));
  }
}
