import { capsOf } from '../launch/caps-of.ts';
import type { Limiter } from '../limiter/limiter.ts';
import type { DispatchQueue } from '../queue/dispatch-queue.ts';
import type { MachineRoom } from '../room/room.ts';
import type { Store } from '../store/store.ts';
import type { SharedWindow, Telemetry } from '../telemetry/telemetry.ts';

interface Parts {
  readonly store: Store;
  readonly queue: DispatchQueue;
  readonly limiter: Limiter;
  readonly room: Pick<MachineRoom, 'reading' | 'intake'>;
  readonly telemetry: Telemetry;
  readonly organisation: string;
}

/** Sets what is a state and not an event, before a page of metrics: tasks by state, queue depth, room for starts, what counts against the caps of each Claw, key and the organisation. */
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
  telemetry.sharedWindowsRead(await sharedWindows(store, limiter, organisation));
}

/** The organisation first: it is shown however many keys there are. */
async function sharedWindows(
  store: Store,
  limiter: Parts['limiter'],
  organisation: string,
): Promise<SharedWindow[]> {
  const own = await store.organisations.byId(organisation);
  const keys = (await store.keys.list(organisation)).filter(({ state }) => state === 'active');
  const windows: SharedWindow[] = [];
  for (const { level, row } of [
    ...(own ? [{ level: 'organisation' as const, row: own }] : []),
    ...keys.map((row) => ({ level: 'key' as const, row })),
  ])
    windows.push({
      level,
      id: row.id,
      caps: capsOf(row),
      ...(await limiter.window(organisation, level, row.id)),
    });
  return windows;
}
