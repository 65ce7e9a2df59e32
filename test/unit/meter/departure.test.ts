import { EventEmitter } from 'node:events';
import type { ClientRequest } from 'node:http';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { cageClock } from '../../../cage-image/cage-clock.ts';
import { CutWhileSending, DroppedBeforeSending, Sending } from '../../../cage-image/meter/departure.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A connection that takes nothing by itself: `flow` lets it take so much. */
class Way extends EventEmitter {
  taken = 0;
  destroyed = false;
  error: Error | undefined;
  #size = 0;
  #ended: (() => void) | undefined;

  write(piece: Buffer): boolean {
    this.#size += piece.length;
    return false;
  }
  end(done?: Buffer | (() => void)): void {
    if (typeof done === 'function') this.#ended = done;
  }
  destroy(error: Error): void {
    this.error = error;
    this.destroyed = true;
    this.emit('close');
  }
  flow(): void {
    this.taken = this.#size;
    this.emit('drain');
    this.#ended?.();
  }
}

const PIECE = 64 * 1024;
/** A request of `pieces`, whose permit lasts for half a minute, and each extension as long. */
function sending(pieces: number, more: 'given' | 'not given') {
  const way = new Way();
  const began = cageClock();
  const seen = { asked: 0, sentAt: undefined as number | undefined };
  const departure = new Sending(way as unknown as ClientRequest, {
    mayGo: () => true,
    sendBefore: began + 30_000,
    moreTime: async () => {
      seen.asked++;
      return more === 'given' ? cageClock() + 30_000 : undefined;
    },
    onBegun: () => undefined,
    onSent: (atMs) => (seen.sentAt = atMs - began),
  });
  departure.start(Buffer.alloc(pieces * PIECE));
  const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
  return { way, seen, departure, pass, passed: () => cageClock() - began };
}

test('a slow body that moves is given time until it is out, and counts when the provider answers', async () => {
  const it = sending(9, 'given');
  for (let piece = 0; piece < 9; piece++) {
    await it.pass(10_000);
    it.way.flow();
  }
  expect(it.way.error).toBeUndefined();
  expect(it.seen.asked).toBeGreaterThanOrEqual(3);
  await it.pass(5_000);
  it.departure.over();
  expect(it.seen.sentAt).toBe(95_000);
  await it.pass(200_000);
  expect(it.seen.sentAt).toBe(95_000);
});

test('what was handed over slowly may be on the way as long again: until then it is not told as sent', async () => {
  const it = sending(2, 'given');
  for (let piece = 0; piece < 2; piece++) {
    await it.pass(14_000);
    it.way.flow();
  }
  await it.pass(22_000);
  expect([it.passed(), it.seen.sentAt]).toEqual([50_000, undefined]);
  await it.pass(50_000);
  expect(it.seen.sentAt).toBeGreaterThanOrEqual(56_000);
});

test('a body that no longer moves is given no more time, and is cut off', async () => {
  const it = sending(9, 'given');
  await it.pass(1_000);
  it.way.flow();
  await it.pass(100_000);
  expect(it.way.error).toBeInstanceOf(CutWhileSending);
  expect(it.seen.asked).toBe(1);
});

test('where no time is given it is asked for again, and the body is cut off when its time is over', async () => {
  const it = sending(900, 'not given');
  for (let second = 0; second < 29; second++) {
    await it.pass(1_000);
    it.way.flow();
  }
  expect(it.way.error).toBeUndefined();
  expect(it.seen.asked).toBeGreaterThan(2);
  await it.pass(1_000);
  expect(it.way.error).toBeInstanceOf(CutWhileSending);
});

test('a body that is out at once asks for nothing, and counts at the end of its permit where no answer comes', async () => {
  const it = sending(2, 'given');
  it.way.flow();
  it.way.flow();
  await it.pass(60_000);
  expect(it.seen).toEqual({ asked: 0, sentAt: 30_000 });
});

test('a process that is stopped between its look at the clock and the write says that it sent late', () => {
  const way = new Way();
  const began = cageClock();
  let sentAt = 0;
  way.end = () => void vi.advanceTimersByTime(40_000);
  new Sending(way as unknown as ClientRequest, {
    mayGo: () => true,
    sendBefore: began + 30_000,
    moreTime: async () => undefined,
    onBegun: () => undefined,
    onSent: (atMs) => (sentAt = atMs - began),
  }).start(Buffer.from('{}'));
  expect(sentAt).toBe(40_000);
});

test('what comes too late is not begun', () => {
  const way = new Way();
  const late = new Sending(way as unknown as ClientRequest, {
    mayGo: () => true,
    sendBefore: cageClock(),
    moreTime: async () => cageClock() + 30_000,
    onBegun: () => expect.unreachable(),
    onSent: () => expect.unreachable(),
  });
  late.start(Buffer.from('{}'));
  expect(way.error).toBeInstanceOf(DroppedBeforeSending);
  expect(late.isBegun).toBe(false);
});
