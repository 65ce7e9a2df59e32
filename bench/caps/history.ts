import type { CapsInForce, LimitName } from './judge.ts';
import { CLAWS, KEY_CAPS, KEYS, ORGANISATION_CAPS, type Caps, type Change } from './scenario.ts';

type Histories = Record<LimitName, { fromMs: number; cap: number | null }[]>;

/** The moment as the books count: milliseconds of the machine's monotonic clock. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** What caps were in force when. Keys are named by their fingerprints, as in the books. */
export class CapHistory implements CapsInForce {
  readonly claw: Record<string, Histories>;
  readonly key: Record<string, Histories>;
  readonly organisation = began(ORGANISATION_CAPS);
  readonly #fingerprints: Readonly<Record<string, string>>;

  constructor(fingerprints: Readonly<Record<string, string>>) {
    this.#fingerprints = fingerprints;
    this.claw = Object.fromEntries(CLAWS.map(({ name, caps }) => [name, began(caps)]));
    this.key = Object.fromEntries(KEYS.map((key) => [fingerprints[key]!, began(KEY_CAPS[key])]));
  }

  /** The change was asked for at one moment and answered by now: a raised cap may hold from the first on, a lowered one must from the second. */
  changed({ level, name, limit, cap }: Change, askedMs: number): void {
    const of =
      level === 'organisation'
        ? this.organisation
        : level === 'key'
          ? this.key[this.#fingerprints[name]!]!
          : this.claw[name]!;
    const before = of[limit].at(-1)?.cap ?? Infinity;
    of[limit].push({ fromMs: cap > before ? askedMs : monotonicMs(), cap });
  }
}

const began = ({ requests, tokens }: Caps): Histories => ({
  requests: requests === undefined ? [] : [{ fromMs: 0, cap: requests }],
  tokens: tokens === undefined ? [] : [{ fromMs: 0, cap: tokens }],
});
