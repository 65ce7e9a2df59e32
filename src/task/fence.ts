import { CodedError } from '#errors/coded-error.ts';

/** Far more often than this no cage changes hands. */
const CONTROLLERS = 2 ** 24;
const EPOCHS = 2 ** 29;

/**
 * Who may ask for permits, as one number that Redis compares exactly (below 2^53): the attempt first, then who controls its cage. Of two orchestrators that both believe they
 * hold an attempt the later one has the higher fence.
 */
export function fenceOf(taskEpoch: number, controllerEpoch: number): number {
  const fits = (value: number, limit: number): boolean =>
    Number.isSafeInteger(value) && value >= 0 && value < limit;
  if (!fits(taskEpoch, EPOCHS) || !fits(controllerEpoch, CONTROLLERS))
    throw new CodedError('request_invalid', { field: 'fence' });
  return taskEpoch * CONTROLLERS + controllerEpoch;
}

/** The attempt that a fence is of. */
export const attemptOf = (fence: number): number => Math.floor(fence / CONTROLLERS);
