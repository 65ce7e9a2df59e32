import { describe, expect, it } from 'vitest';
import { newId } from '../../../orchestrator/store/ids.ts';

describe('an id', () => {
  it('is a prefix and twenty characters that fit the name of a container', () => {
    expect(newId('task')).toMatch(/^task_[0-9a-hjkmnp-tv-z]{20}$/);
    expect(newId('cage')).toMatch(/^[a-z][a-z0-9_]+$/);
  });

  it('sorts by the order of its making, however fast they are made', () => {
    const ids = Array.from({ length: 5000 }, () => newId('task'));
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
