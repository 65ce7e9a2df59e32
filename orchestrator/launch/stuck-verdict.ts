import { MISSED_PULSES } from '#protocol/link-tls.ts';
import type { CageCondition } from '#runtime/runtime.ts';

export interface StuckFacts {
  /** Pulses in a row in which nothing was heard of the cage though it was asked. */
  readonly missedPulses: number;
  readonly silentMs: number;
  /** The way to the cage is open. */
  readonly gateAnswers: boolean;
  /** Undefined where the engine did not answer. */
  readonly condition: CageCondition | undefined;
}

export type StuckCode = 'cage_paused' | 'cage_frozen' | 'warden_unresponsive';

/** What merely looks as if it ran gets twice the time: the engine cannot see what is the matter with it, and it may be the machine's, which has too much to do. */
const OF_RUNNING = { missedPulses: 2 * MISSED_PULSES, silentMs: 5_000 };

/**
 * Whether a silent cage is stuck, and how. A gate or an engine that is away is nobody's fault: nothing is ended for it. A container that is gone is another matter, which
 * the engine's events and the reconciler see to.
 */
export function stuckVerdict(facts: StuckFacts): StuckCode | undefined {
  const { missedPulses, silentMs, gateAnswers, condition } = facts;
  if (!gateAnswers || missedPulses < MISSED_PULSES) return undefined;
  switch (condition) {
    case 'paused':
      return 'cage_paused';
    case 'frozen':
      return 'cage_frozen';
    case 'stopped':
      return 'warden_unresponsive';
    case 'running':
      return missedPulses >= OF_RUNNING.missedPulses && silentMs >= OF_RUNNING.silentMs
        ? 'warden_unresponsive'
        : undefined;
    case 'gone':
    case undefined:
      return undefined;
  }
}
