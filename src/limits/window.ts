/**
 * How long one call counts against its caps. An entry counts from its permit until 61 s after its request was sent:
 * the window of 60 s, and a second for the way to the provider. Until the meter has said when it was sent, it counts as
 * if sent at its send deadline. All times in milliseconds.
 */
export const WINDOW_MS = 60_000;
export const WAY_MS = 1_000;
export const ENTRY_MS = WINDOW_MS + WAY_MS;
/** The meter drops a call that it has not sent so long after its permit, and asks again. */
export const SEND_WITHIN_MS = 30_000;
/** The longest that one permit can count; so long nothing is permitted after Redis lost its books. */
export const LONGEST_LIFE_MS = SEND_WITHIN_MS + ENTRY_MS;

/** The moment from which a call no longer counts whose sending time is not known. */
export const expiryUnsent = (permittedAt: number): number => permittedAt + LONGEST_LIFE_MS;

/** The moment from which a call no longer counts that was sent at `sentAt`. */
export const expirySent = (sentAt: number): number => sentAt + ENTRY_MS;

/** Sent after its deadline: its permit no longer covers it, so it is charged again at its true time. */
export const isLate = (permittedAt: number, sentAt: number): boolean => sentAt > permittedAt + SEND_WITHIN_MS;

/** When a call was sent that the meter reports `agoMs` later: never before its permit, never in the future. */
export const sentAt = (permittedAt: number, now: number, agoMs: number): number =>
  Math.min(now, Math.max(permittedAt, now - agoMs));
