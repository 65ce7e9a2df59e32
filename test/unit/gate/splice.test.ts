import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { splice } from '../../../cage-image/tunnel/splice.ts';

/** A stream whose other end is `said`, and which takes what is written to it when the test lets it. */
class Side extends Duplex {
  readonly taken: Buffer[] = [];
  #held: (() => void)[] | undefined = [];

  constructor() {
    super({ allowHalfOpen: true, read: () => undefined });
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.taken.push(chunk);
    if (this.#held === undefined) done();
    else this.#held.push(done);
  }

  destroySoon(): void {
    if (this.writableFinished) this.destroy();
    else this.end(() => this.destroy());
  }

  letGo(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const done of held) done();
  }

  get socket(): Socket {
    return this as unknown as Socket;
  }
}

it('gives a slow reader all of a stream that has closed meanwhile', async () => {
  const [source, reader] = [new Side(), new Side()];
  source.letGo();
  splice(source.socket, reader.socket);
  reader.push(null);
  for (const piece of ['one', 'two', 'three']) source.push(piece);
  source.push(null);
  await once(source, 'close');
  expect(reader.destroyed).toBe(false);
  reader.letGo();
  await once(reader, 'close');
  expect(Buffer.concat(reader.taken).toString()).toBe('onetwothree');
});

it('ends both at once where one breaks, and tells when both are gone', async () => {
  const [a, b] = [new Side(), new Side()];
  const closed = new Promise<void>((resolve) => splice(a.socket, b.socket, { closed: resolve }));
  a.destroy(new Error('broken'));
  await closed;
  expect(b.destroyed).toBe(true);
});

it('ends where no more bytes are allowed', async () => {
  const [a, b] = [new Side(), new Side()];
  const closed = new Promise<void>((resolve) =>
    splice(a.socket, b.socket, { count: () => false, closed: resolve }),
  );
  a.push('x');
  await closed;
  expect([a.destroyed, b.destroyed]).toEqual([true, true]);
});

it('ends at its time', async () => {
  const [a, b] = [new Side(), new Side()];
  await new Promise<void>((resolve) => splice(a.socket, b.socket, { lifeMs: 10, closed: resolve }));
  expect(await buffer(a).catch(() => 'closed')).toBe('closed');
});
