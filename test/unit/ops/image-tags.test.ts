import { describe, expect, it } from 'vitest';
import { DEFAULT_BASE_IMAGE, imageTags } from '../../../ops/image-tags.ts';

describe('the tags of the images', () => {
  it('are the same for the same checkout, with the part in the name and a hash as the tag', () => {
    const tags = imageTags();
    expect(imageTags()).toEqual(tags);
    expect(Object.values(tags).map((tag) => tag.replace(/[0-9a-f]{16}$/, 'HASH'))).toEqual([
      'clawcage-cage:HASH',
      'clawcage-gate:HASH',
      'clawcage-base:HASH',
    ]);
  });

  it('change with the image that the base is made from', () => {
    const [usual, other] = [imageTags(), imageTags({ baseImage: 'mirror.example/debian:bookworm-slim' })];
    expect(imageTags({ baseImage: DEFAULT_BASE_IMAGE })).toEqual(usual);
    for (const part of ['cage', 'gate', 'base'] as const) expect(other[part]).not.toBe(usual[part]);
  });
});
