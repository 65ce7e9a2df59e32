import { editDistance } from '#errors/edit-distance.ts';

/** The name that was meant, where one is near enough: at most a third of its letters differ, or one of the two begins with the other. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .toSorted((a, b) => a.distance - b.distance);
  const [best] = ranked;
  if (best && best.distance <= Math.max(1, Math.floor(best.candidate.length / 3))) return best.candidate;
  return known.find(
    (candidate) => candidate.length > 2 && (name.startsWith(candidate) || candidate.startsWith(name)),
  );
}
