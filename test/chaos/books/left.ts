import type { Breach, Facts } from './facts.ts';

/** Nothing is left of what was for the time of a task. */
export function checkLeft({ left }: Pick<Facts, 'left'>): Breach[] {
  return Object.entries(left).flatMap(([of, names]) =>
    names.length === 0
      ? []
      : [{ check: 'left', of, what: `${names.length} left, among them ${names.slice(0, 5).join(', ')}` }],
  );
}
