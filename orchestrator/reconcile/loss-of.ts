import { CodedError } from '#errors/coded-error.ts';

/** EX_TEMPFAIL of sysexits.h: the warden's code where nobody controlled its cage for longer than the orphan time. */
const EXIT_ORPHANED = 75;

/** Why a cage ended that nobody wanted to end, by what its container tells. */
export function lossOf({
  exitCode,
  outOfMemory,
}: {
  readonly exitCode?: number | undefined;
  readonly outOfMemory?: boolean | undefined;
}): CodedError {
  return new CodedError(exitCode === EXIT_ORPHANED ? 'task_orphaned' : 'cage_died', {
    ...(exitCode !== undefined && { exitCode }),
    ...(outOfMemory !== undefined && { outOfMemory }),
  });
}
