import { CodedError } from '#errors/coded-error.ts';

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/;

/**
 * Returns `value` where it may stand in a container's name; else `runtime_refused`. Names go into the paths of the
 * engine's API unescaped, so nothing else may pass.
 */
export function checkedName(field: string, value: string): string {
  if (!NAME.test(value))
    throw new CodedError('runtime_refused', { field, reason: `must match ${NAME.source}` });
  return value;
}
