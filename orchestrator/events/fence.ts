import { fenceOf } from '#task/fence.ts';

/**
 * For what is said of a task between its attempts and at its end, by whoever wrote that into its row: it goes before all that had the attempt of `epoch`, and behind that nobody of them is
 * heard any more.
 */
export const afterAttempt = (epoch: number): number => fenceOf(epoch + 1, 0) - 1;
