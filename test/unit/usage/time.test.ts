import { describe, expect, it } from 'vitest';
import { sinceOf } from '../../../orchestrator/usage/since.ts';
import { isTimeZone } from '../../../orchestrator/usage/time-zone.ts';

describe('a time zone', () => {
  it('is a name of the IANA database', () => {
    for (const name of ['UTC', 'Europe/Berlin', 'Asia/Kolkata', 'America/Port-au-Prince', 'Etc/GMT+5'])
      expect(isTimeZone(name), name).toBe(true);
  });

  it('is no offset, whose sign would be read both ways, and nothing else', () => {
    for (const name of ['+01:00', '-0500', '', 'Berlin', 'Europe/Atlantis', "UTC'; drop table x"])
      expect(isTimeZone(name), name).toBe(false);
  });
});

it('since is a time, or as long ago as it says', () => {
  const now = Date.parse('2026-01-02T00:00:00Z');
  expect(sinceOf('90m', now)).toBe(now - 90 * 60_000);
  expect(sinceOf('2d', now)).toBe(now - 2 * 24 * 3600_000);
  expect(sinceOf('2026-01-01T12:00:00Z', now)).toBe(now - 12 * 3600_000);
});
