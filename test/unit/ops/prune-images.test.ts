import { expect, test } from 'vitest';
import { superseded } from '../../../ops/images/prune.ts';

const HOUR = 3600;
const now = 1_000_000;
const image = (Id: string, tag: string, ageS: number, cage?: string) => ({
  Id,
  RepoTags: [tag],
  Created: now - ageS,
  Labels: (cage === undefined ? {} : { 'clawcage.cage-image': cage }) as Record<string, string>,
});
const current = { tags: ['clawcage-cage:new', 'clawcage-gate:new', 'clawcage-base:new'], cageId: 'id-new' };

test('what an earlier version left goes, the present version and what a container uses stay', () => {
  const images = [
    image('1', 'clawcage-cage:new', 9 * HOUR),
    image('2', 'clawcage-cage:old', 9 * HOUR),
    image('3', 'clawcage-gate:old', 9 * HOUR),
    image('4', 'clawcage-agent:a', 9 * HOUR, 'id-new'),
    image('5', 'clawcage-agent:b', 9 * HOUR, 'id-old'),
  ];
  expect(superseded(images, current, new Set(['3']), now)).toEqual(['clawcage-cage:old', 'clawcage-agent:b']);
});

test('what was just made stays, since another checkout may be about to use it', () => {
  expect(superseded([image('1', 'clawcage-cage:other', HOUR / 2)], current, new Set(), now)).toEqual([]);
});

test('images of others are never touched, whatever stands in their names and labels', () => {
  const images = [
    image('1', 'postgres:old', 9 * HOUR),
    image('2', 'my/clawcage-cage:old', 9 * HOUR),
    image('3', 'mine:1', 9 * HOUR, 'id-old'),
    { ...image('4', '', 9 * HOUR), RepoTags: null as unknown as string[] },
  ];
  expect(superseded(images, current, new Set(), now)).toEqual([]);
});
