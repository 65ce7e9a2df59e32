import type { FromCage, ToCage } from './link-messages.ts';

/**
 * The first version that has the cage's clock, permits by its time, tighter bounds, what is left of the caps, calls that cannot be bounded, whether the agent acted, and the event that was
 * acknowledged last.
 */
export const TELLS_CLOCK = 4;

/**
 * A message as an end of that version knows it: what came later is left out. All of it may be missing: a permit is then held by its duration alone, and a call that cannot
 * be bounded is refused.
 */
export function inWordsOf<T extends FromCage | ToCage>(version: number, message: T): T {
  if (version >= TELLS_CLOCK) return message;
  switch (message.type) {
    case 'permit_request':
      return without(message, 'canTighten', 'extend');
    case 'sent':
      return without(message, 'atMs');
    case 'settle':
      return without(message, 'providerResetMs');
    case 'pong':
      return without(message, 'clockMs');
    case 'start':
      return { ...message, caps: without(message.caps, 'unbounded') };
    case 'permit': {
      const decision = without(message.decision, 'limits', 'sendBeforeMs', 'tighten');
      return { ...message, decision };
    }
    default:
      return message;
  }
}

function without<T extends object>(value: T, ...names: readonly string[]): T {
  return Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name))) as T;
}
