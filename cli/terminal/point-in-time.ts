import { InvalidArgumentError } from 'commander';
import { duration } from './duration.ts';

/** A time of a calendar (`2026-03-01T09:00`, of this machine's zone where none is named) or from now (`2h`), as ISO 8601 in UTC. */
export function pointInTime(text: string): string {
  if (/^\d+[smhd]$/.test(text)) return new Date(Date.now() + duration(text)).toISOString();
  const ms = /^\d{4}-\d{2}-\d{2}(T|$)/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms))
    throw new InvalidArgumentError('A time is such as 2026-03-01T09:00, 2026-03-01T08:00Z, or 2h from now.');
  return new Date(ms).toISOString();
}

/** How far ahead, up to 30 days. */
export function delay(text: string): number {
  const days = /^(\d{1,2})d$/.exec(text)?.[1];
  if (days !== undefined && Number(days) >= 1 && Number(days) <= 30) return Number(days) * 24 * 3600_000;
  return duration(text);
}
