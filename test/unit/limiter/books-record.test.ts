import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { BooksRecord, opensAt } from '../../../orchestrator/limiter/books-record.ts';

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

/** Of Redis' clock; ours begins at 0. */
const EPOCH = 1_800_000_000_000;

/** A record whose books the test closes, and a database that it takes away. */
function recordIn() {
  const written: string[] = [];
  const state = { tries: 0, isAway: false, knowsClock: true, opensAt: 0 };
  const record = new BooksRecord({
    opening: { remainingMs: () => Math.max(0, state.opensAt - Date.now()) },
    redisTimeIn: (ms) => (state.knowsClock ? EPOCH + Date.now() + ms : undefined),
    write: async (books) => {
      state.tries += 1;
      if (state.isAway) throw new Error('the database is away');
      written.push(books);
    },
  });
  const close = (forMs: number): void => {
    state.opensAt = Date.now() + forMs;
    record.changed();
  };
  return { record, state, written, close, pass: (ms: number) => vi.advanceTimersByTimeAsync(ms) };
}

test('books are trusted while it is open; while it is closed it is written until when, and that they are again at its end', async () => {
  const { record, written, close, pass } = recordIn();
  record.identified('a');
  await pass(5_000);
  close(91_000);
  await pass(40_000);
  close(91_000);
  await pass(90_999);
  expect(written).toEqual(['a', `closed ${EPOCH + 96_000} a`, `closed ${EPOCH + 136_000} a`]);
  await pass(2);
  expect(written.slice(3)).toEqual(['a']);
  await pass(1_000_000);
  expect(written).toHaveLength(4);
});

test('nothing is written of books that were not seen; and no moment where the clock is not known, until it is', async () => {
  const { record, state, written, close, pass } = recordIn();
  state.knowsClock = false;
  close(91_000);
  await pass(1_000);
  expect(written).toEqual([]);
  record.identified('a');
  await pass(1_000);
  state.knowsClock = true;
  record.changed();
  await pass(0);
  expect(written).toEqual(['closed', `closed ${EPOCH + 91_000} a`]);
});

test('what could not be written is tried again every second, and by then as it is', async () => {
  const { record, state, written, close, pass } = recordIn();
  record.identified('a');
  await pass(0);
  state.isAway = true;
  close(91_000);
  await pass(30_000);
  expect(state.tries).toBe(1 + 31);
  record.identified('b');
  state.isAway = false;
  await pass(1_000);
  expect(written).toEqual(['a', `closed ${EPOCH + 91_000} b`]);
  state.isAway = true;
  await pass(200_000);
  expect(written).toHaveLength(2);
  state.isAway = false;
  await pass(1_000);
  expect(written.slice(2)).toEqual(['b']);
});

test('after the stop nothing is written, also not what was to be tried again or is true later', async () => {
  for (const isAway of [true, false]) {
    const { record, state, written, close, pass } = recordIn();
    record.identified('a');
    await pass(0);
    state.isAway = isAway;
    close(91_000);
    await pass(10);
    const before = written.length;
    record.stop();
    state.isAway = false;
    await pass(200_000);
    expect(written).toHaveLength(before);
  }
});

test('nor what was to follow a write that is under way then, however that ends', async () => {
  for (const end of ['resolve', 'reject'] as const) {
    const first = Promise.withResolvers<void>();
    const written: string[] = [];
    let closedMs = 0;
    const record = new BooksRecord({
      opening: { remainingMs: () => closedMs },
      redisTimeIn: () => undefined,
      write: (books) => (written.push(books), first.promise),
    });
    record.identified('a');
    closedMs = 91_000;
    record.changed();
    record.stop();
    first[end](new Error('the database is away') as never);
    await vi.advanceTimersByTimeAsync(200_000);
    expect(written).toEqual(['a']);
  }
});

test('what was written while they were closed says for these very books from when on they can be trusted', () => {
  expect(opensAt(`closed ${EPOCH} a.b`, 'a.b')).toBe(EPOCH);
  for (const written of ['a.b', 'closed', `closed ${EPOCH} other`, 'set aside'])
    expect(opensAt(written, 'a.b')).toBeUndefined();
});
