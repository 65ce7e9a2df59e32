import { expect, it } from 'vitest';
import { isNoCage, WantedPlaces } from '../../../orchestrator/launch/wanted-places.ts';

const ANYWHERE = 'a place for its cage';
const OWN = 'a place for its cage in this organisation';

it('who waits for a place of the installation is told of any that is free, once', () => {
  const wanted = new WantedPlaces();
  wanted.add('a', ANYWHERE);
  wanted.add('b', ANYWHERE);
  wanted.add('b', ANYWHERE);
  expect(wanted.freed('c').toSorted()).toEqual(['a', 'b']);
  expect(wanted.freed('c')).toEqual([]);
});

it('who waits for a place of its organisation is told of those only', () => {
  const wanted = new WantedPlaces();
  wanted.add('a', OWN);
  expect(wanted.freed('b')).toEqual([]);
  expect(wanted.freed('a')).toEqual(['a']);
  expect(wanted.freed('a')).toEqual([]);
});

it('who waits for both is told once', () => {
  const wanted = new WantedPlaces();
  wanted.add('a', OWN);
  wanted.add('a', ANYWHERE);
  expect(wanted.freed('a')).toEqual(['a']);
  expect(wanted.isFor('a')).toBe(false);
});

it('a spare is not made of the place that a task waits for, and of others it is', () => {
  const wanted = new WantedPlaces();
  wanted.add('a', OWN);
  expect([wanted.isFor('a'), wanted.isFor('b')]).toEqual([true, false]);
  wanted.add('b', ANYWHERE);
  expect(wanted.isFor('c')).toBe(true);
});

it('only a missing place is one', () => {
  expect([ANYWHERE, OWN].map((reason) => isNoCage({ reason } as never))).toEqual([true, true]);
  expect(isNoCage({ reason: 'claw stopped' })).toBe(false);
  expect(isNoCage({ task: {} } as never)).toBe(false);
});
