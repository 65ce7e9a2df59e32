import { same, withoutDefaults } from '#claw/document-settings.ts';
import type { ClawForm } from '#claw/document.ts';

export interface Difference {
  /** `retry.attempts` */
  readonly field: string;
  /** `undefined` where there was nothing. */
  readonly from: unknown;
  readonly to: unknown;
}

const NESTED = ['agent', 'retry', 'resources'];

/** Field by field; against nothing, all that is not at its default. */
export function differences(present: ClawForm | undefined, wanted: ClawForm): Difference[] {
  const is = present === undefined ? new Map<string, unknown>() : leaves(present);
  const shall = leaves(present === undefined ? withoutDefaults(wanted) : wanted);
  return [...shall]
    .filter(([field, to]) => field !== 'name' && !same(is.get(field), to))
    .map(([field, to]) => ({ field, from: is.get(field), to }));
}

function leaves(form: object): Map<string, unknown> {
  return new Map(
    Object.entries(form).flatMap(([field, value]): [string, unknown][] =>
      NESTED.includes(field)
        ? Object.entries(value as object).map(([inner, leaf]) => [`${field}.${inner}`, leaf])
        : [[field, value]],
    ),
  );
}
