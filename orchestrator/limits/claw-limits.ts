import type { LevelView, LimitsReply } from '#protocol/api.ts';
import type { LevelStanding, LimitsState } from '../limiter/limits-state.ts';
import type { ClawRow } from '../store/claws-store.ts';

/** What the API tells of where a Claw stands among its limits; `names` are those of its levels, by id. */
export function limitsReply(
  claw: ClawRow,
  state: LimitsState,
  names: ReadonlyMap<string, string>,
): LimitsReply {
  return {
    claw: claw.name,
    state: claw.state,
    weight: claw.weight,
    at: new Date().toISOString(),
    levels: state.levels.map((level) => levelView(level, names.get(level.id) ?? level.id)),
    calls: { inFlight: state.inFlight, most: claw.callsAtOnce },
    waiting: state.waiting,
    waitsFor: state.waitsFor,
    freeInMs: state.freeInMs === null ? null : wholeMs(state.freeInMs),
  };
}

function levelView(standing: LevelStanding, name: string): LevelView {
  const { level, id, closedForMs, clawsWaiting } = standing;
  return {
    level,
    id,
    name,
    requests: counted(standing.requestsPerMinute, standing.requests),
    tokens: counted(standing.tokensPerMinute, standing.tokens),
    emptyInMs: wholeMs(standing.emptyInMs),
    closedForMs: closedForMs === null ? null : wholeMs(closedForMs),
    clawsWaiting,
  };
}

/** More than the cap counts where that was lowered: nothing remains then. */
const counted = (cap: number | undefined, used: number): LevelView['tokens'] => ({
  cap: cap ?? null,
  used,
  remaining: cap === undefined ? null : Math.max(0, cap - used),
});

const wholeMs = (ms: number): number => Math.max(0, Math.ceil(ms));
