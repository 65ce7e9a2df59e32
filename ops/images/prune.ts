import type Docker from 'dockerode';
import { engine } from './engine.ts';

/** What was made so lately may be another checkout's, about to be used. */
const KEEP_S = 60 * 60;
const OURS = /^clawcage-(cage|gate|base|agent):/;

type Listed = Pick<Docker.ImageInfo, 'Id' | 'RepoTags' | 'Created' | 'Labels'>;

/**
 * Of the images on an engine the names that an earlier version of ours left: cage, gate and base of another content, and what was laid over others from another cage. What a
 * container uses stays, running or not, and what is younger than an hour.
 */
export function superseded(
  images: readonly Listed[],
  current: { readonly tags: readonly string[]; readonly cageId: string },
  usedIds: ReadonlySet<string>,
  nowS: number,
): string[] {
  const old = images.filter(({ Id, Created }) => !usedIds.has(Id) && nowS - Created > KEEP_S);
  return old.flatMap(({ RepoTags, Labels }) => {
    if (Labels?.['clawcage.cage-image'] === current.cageId) return [];
    return (RepoTags ?? []).filter((tag) => OURS.test(tag) && !current.tags.includes(tag));
  });
}

/** Removes them and gives the names of those that are gone; what the engine will not let go (a base that another image stands on) stays. */
export async function pruneImages(tags: {
  readonly cage: string;
  readonly gate: string;
  readonly base: string;
}): Promise<string[]> {
  const [images, containers, cage] = await Promise.all([
    engine.listImages(),
    engine.listContainers({ all: true }),
    engine.getImage(tags.cage).inspect(),
  ]);
  const used = new Set(containers.map(({ ImageID }) => ImageID));
  const names = superseded(images, { tags: Object.values(tags), cageId: cage.Id }, used, Date.now() / 1000);
  const removed: string[] = [];
  // Those that stand on others first.
  const order = ['clawcage-agent', 'clawcage-cage', 'clawcage-gate', 'clawcage-base'];
  const sorted = names.toSorted((a, b) => order.indexOf(a.split(':')[0]!) - order.indexOf(b.split(':')[0]!));
  for (const name of sorted) {
    const gone = await engine
      .getImage(name)
      .remove()
      .then(
        () => true,
        (error: { statusCode?: number }) => {
          if (error.statusCode === 404 || error.statusCode === 409) return false;
          throw error;
        },
      );
    if (gone) removed.push(name);
  }
  return removed;
}
