import type { LimitsState } from './limits-state.ts';
import type { Standing } from './permit-request.ts';

type Reply = [
  [inFlight: number, waiting: number, reason: string, denied: string, roomInMs: number],
  [requests: number, tokens: number, emptyInMs: number, closedForMs: number, clawsWaiting: number][],
];

/** What the standing script said, in words. */
export function readStandingReply(reply: unknown, standing: Standing): LimitsState {
  const [[inFlight, waiting, reason, denied, roomInMs], rows] = reply as Reply;
  const levels = standing.levels.map((level, index) => {
    const [requests, tokens, emptyInMs, closedForMs, clawsWaiting] = rows[index] as Reply[1][number];
    return {
      ...level,
      requests,
      tokens,
      emptyInMs,
      closedForMs: closedForMs < 0 ? null : closedForMs,
      clawsWaiting,
    };
  });
  const denial = standing.paused ?? (reason || denied);
  return {
    levels,
    inFlight,
    waiting,
    waitsFor: denial === '' ? null : denial,
    freeInMs: roomInMs < 0 || standing.paused !== undefined ? null : roomInMs,
  };
}
