import { afterEach, describe, expect, it } from 'vitest';
import { Lease } from '../../../orchestrator/lease/lease.ts';
import type { OrchestratorRow, OrchestratorsStore } from '../../../orchestrator/store/orchestrators-store.ts';
import { until } from '../../support/service.ts';

/** The rows as every orchestrator sees them. */
class Rows {
  readonly rows = new Map<string, OrchestratorRow & { state: string }>();
  /** For all, or for one of them. */
  unreachable: boolean | string = false;
  #made = 0;

  newId(): string {
    return `orch_${(this.#made += 1)}`;
  }

  async register(self: Omit<OrchestratorRow, 'beat'>): Promise<OrchestratorRow> {
    const row = { ...self, beat: 0, state: 'live' };
    this.rows.set(row.id, row);
    return row;
  }

  async beat(id: string): Promise<boolean> {
    if (this.unreachable === true || this.unreachable === id) throw new Error('away');
    const row = this.rows.get(id)!;
    if (row.state !== 'live') return false;
    this.rows.set(id, { ...row, beat: row.beat + 1 });
    return true;
  }

  async expire(id: string, beat: number): Promise<boolean> {
    const row = this.rows.get(id)!;
    if (row.state !== 'live' || row.beat !== beat) return false;
    this.rows.set(id, { ...row, state: 'expired' });
    return true;
  }

  async leave(id: string): Promise<void> {
    this.rows.set(id, { ...this.rows.get(id)!, state: 'left' });
  }

  async live(): Promise<OrchestratorRow[]> {
    return [...this.rows.values()].filter(({ state }) => state === 'live');
  }
}

const log = { warn: () => undefined, info: () => undefined, error: () => undefined, debug: () => undefined };
/** So long that a process that is held up for half a second has not slept past it. */
const LEASE_MS = 1_000;

const leases: Lease[] = [];
afterEach(async () => {
  await Promise.all(leases.splice(0).map((lease) => lease.leave()));
});

async function take(
  rows: Rows,
  {
    onLost = async () => undefined,
    onGone = (_ids: readonly string[]) => undefined,
    leaseMs = LEASE_MS,
  } = {},
): Promise<Lease> {
  const lease = await Lease.take({
    orchestrators: rows as unknown as OrchestratorsStore,
    self: { machine: 'm', pid: 1, version: '0' },
    leaseMs,
    onLost,
    onGone,
    log: log as never,
  });
  leases.push(lease);
  return lease;
}

// Each waits for beats, and for leases that lapse.
describe('a lease', { timeout: 60_000 }, () => {
  it('is held for as long as it beats', async () => {
    const rows = new Rows();
    const lease = await take(rows);
    await until(async () => rows.rows.get(lease.id)!.beat > 3 && lease.isHeld, 'some beats');
    lease.assert();
    await lease.confirm(lease.id);
  });

  it('lapses by itself while the database cannot be reached, and is held again where nobody took over', async () => {
    const rows = new Rows();
    const lease = await take(rows);
    rows.unreachable = true;
    await until(async () => !lease.isHeld, 'the lease to lapse');
    expect(() => lease.assert()).toThrowError(expect.objectContaining({ code: 'lease_lost' }));
    rows.unreachable = false;
    await until(async () => lease.isHeld, 'the lease to be held again');
    expect(lease.id).toBe('orch_1');
  });

  it('of one that fell silent is declared over by exactly one of the others, and what it held is told', async () => {
    const rows = new Rows();
    const silent = await rows.register({ id: rows.newId(), machine: 'm', pid: 2, version: '0' });
    const told: string[] = [];
    const onGone = (ids: readonly string[]) => void told.push(...ids);
    await Promise.all([take(rows, { onGone }), take(rows, { onGone })]);
    await until(async () => rows.rows.get(silent.id)!.state === 'expired', 'the silent one to be expired');
    await until(async () => told.includes(silent.id), 'somebody to be told');
  });

  it('that was declared over is never held again under its old name: everything is let go of first', async () => {
    const rows = new Rows();
    const steps: string[] = [];
    const lease = await take(rows, { onLost: async () => void steps.push(`let go of ${lease.id}`) });
    await rows.expire('orch_1', rows.rows.get('orch_1')!.beat);
    await expect(lease.confirm('orch_1')).rejects.toMatchObject({ code: 'lease_lost' });
    await until(async () => lease.id !== 'orch_1', 'a new lease');
    expect(steps).toEqual(['let go of orch_1']);
    expect(lease.isHeld).toBe(true);
    await lease.confirm(lease.id);
    // What was begun under the old name is not confirmed under the new one.
    await expect(lease.confirm('orch_1')).rejects.toMatchObject({ code: 'lease_lost' });
  });

  it('ends at once for the others when its holder leaves in order', async () => {
    const rows = new Rows();
    const lease = await take(rows);
    await lease.leave();
    expect(rows.rows.get('orch_1')!.state).toBe('left');
    expect(lease.isHeld).toBe(false);
  });

  it('is not lost to another because the database was away for longer than it: nobody could beat then', async () => {
    const rows = new Rows();
    let losses = 0;
    const onLost = async (): Promise<undefined> => {
      losses += 1;
    };
    const both = [await take(rows, { onLost }), await take(rows, { onLost })];
    const ids = both.map(({ id }) => id);
    await until(async () => [...rows.rows.values()].every(({ beat }) => beat > 2), 'some beats of both');
    rows.unreachable = true;
    await until(async () => both.every(({ isHeld }) => !isHeld), 'both to be silent');
    const untilMs = performance.now() + 2.2 * LEASE_MS;
    await until(async () => performance.now() > untilMs, 'an observer to have seen enough');
    // The later one comes back first: it had seen the last beat of the other.
    rows.unreachable = ids[0]!;
    await until(async () => both[1]!.isHeld, 'one to be back');
    rows.unreachable = false;
    await until(async () => both.every(({ isHeld }) => isHeld), 'both to be held again');
    expect(both.map(({ id }) => id)).toEqual(ids);
    expect(losses).toBe(0);
  });
});
