import { CodedError } from '#errors/coded-error.ts';
import { attemptOf } from '#task/fence.ts';

/** `epoch_superseded`, which says of an attempt that goes on, in the hands of another controller, that it was `takenOver`. */
export function superseded(fence: number, newest = 0): CodedError {
  const takenOver = newest > fence && attemptOf(newest) === attemptOf(fence);
  return new CodedError('epoch_superseded', takenOver ? { takenOver } : undefined);
}

/** The attempt itself is not over: only who asked for it has nothing to say to it any more. */
export const isTakenOver = ({ code, details }: CodedError): boolean =>
  code === 'epoch_superseded' && details?.takenOver === true;
