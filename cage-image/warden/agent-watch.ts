import { MISSED_PULSES } from '#protocol/link-tls.ts';
import type { BusyWith } from './agent-events.ts';
import { Heartbeat, StoppedPulses } from './heartbeat.ts';

/** Why an agent counts as hung: facts for the error's details, never what it works on. */
export type Hang =
  | { readonly reason: 'Its process was stopped.' }
  | { readonly reason: 'It answers no more pings.'; readonly tool?: string }
  | {
      readonly reason: 'It is busy for longer than that may take.';
      readonly tool: string;
      readonly limitMs: number;
    };

export interface AgentWatchParts {
  readonly pulseMs: number;
  /** As proc(5) has it; undefined where the process is gone. */
  readonly state: () => string | undefined;
  /** Absent: an agent that knows nothing of pings. */
  readonly ping?: (() => void) | undefined;
}

/** How long the built-in agent may take from its start to its first answer. */
const STARTING_MS = 20_000;

/**
 * Finds that an agent hangs, at the third pulse in a row that shows it: its process is stopped, or (the built-in agent) it answers no ping. One that answers says what it is
 * busy with and what limit that has of its own; only what is past it in three answers in a row hangs: a cage that was paused has had no time to see to its own limits. Silence alone never does.
 */
export class AgentWatch {
  readonly #parts: AgentWatchParts;
  readonly #heartbeat: Heartbeat;
  readonly #stopped = new StoppedPulses();
  #startingPulses: number;
  #busy: readonly BusyWith[] = [];
  /** Answers in a row that told of something past its limit. */
  #overdueAnswers = 0;

  constructor(parts: AgentWatchParts) {
    this.#parts = parts;
    this.#heartbeat = new Heartbeat(parts.pulseMs);
    this.#startingPulses = Math.ceil(STARTING_MS / parts.pulseMs);
  }

  /** At each pulse. */
  pulse(): Hang | undefined {
    const { state, ping } = this.#parts;
    if (this.#stopped.pulse(state())) return { reason: 'Its process was stopped.' };
    if (ping === undefined) return undefined;
    const next = this.#heartbeat.pulse();
    if (next === 'ping') ping();
    this.#startingPulses -= 1;
    const [first] = this.#busy;
    if (next === 'silent' && this.#startingPulses < 0)
      return { reason: 'It answers no more pings.', ...(first && { tool: first.what }) };
    const overdue = this.#busy.find(isOverdue);
    if (overdue === undefined || this.#overdueAnswers < MISSED_PULSES) return undefined;
    return {
      reason: 'It is busy for longer than that may take.',
      tool: overdue.what,
      limitMs: overdue.limitMs,
    };
  }

  /** Its answer to a ping. */
  answered(busy: readonly BusyWith[]): void {
    this.#startingPulses = 0;
    this.#busy = busy;
    this.#overdueAnswers = busy.some(isOverdue) ? this.#overdueAnswers + 1 : 0;
    this.#heartbeat.answered();
  }
}

const isOverdue = ({ sinceMs, limitMs }: BusyWith): boolean => sinceMs > limitMs;
