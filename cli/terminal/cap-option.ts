import { InvalidArgumentError } from 'commander';

const MOST = 1_000_000_000;

/** A cap as it is typed; the options' parser takes null for an option without a value. */
export type CapOption = number | 'none';

/** A whole number from `least`, or `none`. */
export function cap(least = 0): (text: string) => CapOption {
  return (text) => {
    if (text === 'none') return text;
    const value = Number(text);
    if (!/^\d{1,10}$/.test(text) || value < least || value > MOST)
      throw new InvalidArgumentError(`It must be a whole number, ${least} or more, or none.`);
    return value;
  };
}

/** As the API takes it: null is no cap. */
export const capGiven = (option: CapOption): number | null => (option === 'none' ? null : option);
