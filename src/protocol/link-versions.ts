import { CodedError } from '#errors/coded-error.ts';

/** The versions of the link that an end speaks, from the oldest to the newest, without gaps. */
export interface VersionRange {
  readonly oldest: number;
  readonly newest: number;
}

/**
 * What this checkout speaks. `newest` goes up by one with whatever changes the words of link-messages.ts in a release; `oldest` follows once nobody runs a cage,
 * or an orchestrator, of a release before it.
 *
 * 2: at first. 3: the cage says which versions it speaks, and each end passes over what it does not know of a newer one. 4: the cage's clock, permits by its time and more of it, tighter bounds,
 * what is left of the caps, which event was acknowledged last, and whether the agent acted.
 *
 * The rule for a newer version: what the other end may pass over (a new event, a new figure) is just sent. What it has to understand is sent only where the negotiated
 * version has it (`hello.version` at the controller, `ControllerState.version` in the cage). A field or message keeps its meaning for ever.
 */
export const PROTOCOL: VersionRange = { oldest: 2, newest: 4 };

/** The first in which a cage says which versions it speaks. */
export const TELLS_VERSIONS = 3;

/** As a list, the form in which they are said. */
export const versionsOf = ({ oldest, newest }: VersionRange): number[] =>
  Array.from({ length: newest - oldest + 1 }, (_, index) => oldest + index);

/** The newest that both speak. Errors: `link_version`, final, with both lists, where there is none. */
export function highestCommon(own: VersionRange, offered: readonly number[]): number {
  const common = offered.filter((version) => isIn(own, version));
  if (common.length === 0)
    throw new CodedError('link_version', { offered: offered.slice(0, 16), spoken: versionsOf(own) });
  return Math.max(...common);
}

export const isIn = ({ oldest, newest }: VersionRange, version: number): boolean =>
  version >= oldest && version <= newest;

/** Whether the other end speaks a version that this one does not know yet, and may say what this one cannot. */
export const isNewer = (own: VersionRange, offered: readonly number[]): boolean =>
  offered.some((version) => version > own.newest);

/** The versions that a handshake names; asked before its form, which a later version may have changed. */
export function versionsIn(payload: unknown): number[] | undefined {
  const versions = (payload as { versions?: unknown } | null)?.versions;
  return Array.isArray(versions) ? versions.filter(Number.isSafeInteger) : undefined;
}
