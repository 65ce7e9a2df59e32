import { afterEach, describe, expect, it } from 'vitest';
import { Lease } from '../../../orchestrator/lease/lease.ts';
import type { OrchestratorRow, OrchestratorsStore } from '../../../orchestrator/store/orchestrators-store.ts';
import { until } from '../../support/service.ts';

/** The rows as every orchestrator sees them. */
class Rows {
  readonly rows = new Map<string, OrchestratorRow & { state: string }>();
  unreachable = false;
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
    if (this.unreachable) throw new Error('away');
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
const leases: Lease[] = [];
afterEach(async () => {
  await Promise.all(leases.splice(0).map((lease) => lease.leave()));
});

async function take(
  rows: Rows,
  { onLost = async () => undefined, onGone = (_ids: readonly string[]) => undefined, leaseMs = 90 } = {},
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

describe('a lease', () => {
  it('is held for as long as it beats', async () => {
    const rows = new Rows();
    const lease = await take(rows);
    await until(async () => rows.rows.get(lease.id)!.beat > 3, 'some beats');
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
    await until(async () => told.length > 0, 'somebody to be told');
    expect(told.filter((id) => id === silent.id).length).toBeGreaterThanOrEqual(1);
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
});
