import { describe, expect, it } from 'vitest';
import { planFor } from '../../chaos/plan.ts';

const OPTIONS = { lengthMs: 600_000, kills: 40, others: 60 };

describe('a plan of faults', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(planFor(7, OPTIONS)).toEqual(planFor(7, OPTIONS));
    expect(planFor(7, OPTIONS)).not.toEqual(planFor(8, OPTIONS));
  });

  it('has exactly so many kills, some of them of all orchestrators, within its time and in its order', () => {
    const plan = planFor(7, OPTIONS);
    const kills = plan.filter(({ fault }) => fault.startsWith('orchestrator') && fault.endsWith('killed'));
    expect(kills).toHaveLength(40);
    expect(new Set(kills.map(({ fault }) => fault)).size).toBe(2);
    expect(plan).toHaveLength(100);
    const times = plan.map(({ atMs }) => atMs);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times.at(-1)).toBeLessThan(600_000);
  });

  it('leaves out what this machine cannot do', () => {
    const faults = planFor(7, { ...OPTIONS, others: 500, without: ['home_full', 'clock_back'] });
    expect(faults.some(({ fault }) => fault === 'home_full' || fault === 'clock_back')).toBe(false);
    expect(new Set(faults.map(({ fault }) => fault)).size).toBeGreaterThan(15);
  });
});
