import { describe, expect, it, vi } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { LaterWrites } from '../../../orchestrator/launch/later-writes.ts';
import { eventually } from '../../support/eventually.ts';

const log = { warn: vi.fn() };
const away = () => Promise.reject(new CodedError('store_unavailable'));

describe('writes that may come later', () => {
  it('are kept in order while the database is away, and each is written once when it is back', async () => {
    let isAway = true;
    const written: number[] = [];
    const later = new LaterWrites({ log, tryAgainMs: 5 });
    const write = (value: number) =>
      later.write(() => (isAway ? away() : Promise.resolve(written.push(value))));
    for (const value of [1, 2, 3]) await write(value);
    expect(later.waiting).toBe(3);
    await expect(later.flush()).rejects.toMatchObject({ code: 'store_unavailable' });
    isAway = false;
    await eventually(() => expect(written).toEqual([1, 2, 3]));
    await write(4);
    expect(written).toEqual([1, 2, 3, 4]);
  });

  it('are refused where something else is wrong, and one that is refused later stops no other', async () => {
    const later = new LaterWrites({ log, tryAgainMs: 5 });
    const wrong = () => Promise.reject(new CodedError('not_found'));
    await expect(later.write(wrong)).rejects.toMatchObject({ code: 'not_found' });
    let first = true;
    await later.write(() => (first ? ((first = false), away()) : wrong()));
    const done = vi.fn(() => Promise.resolve());
    await later.write(done);
    await eventually(() => expect(done).toHaveBeenCalledOnce());
  });

  it('are no more than a limit: past it whoever writes is told', async () => {
    const later = new LaterWrites({ log, most: 2 });
    await later.write(away);
    await later.write(away);
    await expect(later.write(away)).rejects.toMatchObject({ code: 'store_unavailable' });
    await later.close();
    expect(log.warn).toHaveBeenLastCalledWith({ writes: 2 }, expect.stringContaining('lost'));
  });
});
