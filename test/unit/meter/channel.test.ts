import { duplexPair } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { openChannel, type Channel } from '../../../cage-image/meter/channel.ts';

function pair(): {
  near: Channel;
  far: Channel;
  heard: unknown[];
  ended: Promise<Error | undefined>;
  raw: ReturnType<typeof duplexPair>[0];
} {
  const [left, right] = duplexPair();
  const heard: unknown[] = [];
  const ended = Promise.withResolvers<Error | undefined>();
  const near = openChannel(left, { onMessage: () => undefined, onEnd: () => undefined });
  const far = openChannel(right, { onMessage: (message) => heard.push(message), onEnd: ended.resolve });
  return { near, far, heard, ended: ended.promise, raw: left };
}

describe('the channel between warden and meter', () => {
  test('brings messages whole and in order, cut at every byte', async () => {
    const { heard, raw, ended } = pair();
    const frames = [{ a: 1 }, { b: 'ü'.repeat(300) }].map((message) => {
      const body = Buffer.from(JSON.stringify(message));
      const head = Buffer.alloc(4);
      head.writeUInt32BE(body.length);
      return Buffer.concat([head, body]);
    });
    for (const byte of Buffer.concat(frames)) raw.write(Buffer.of(byte));
    raw.end();
    await ended;
    expect(heard).toEqual([{ a: 1 }, { b: 'ü'.repeat(300) }]);
  });

  test.each([
    ['longer than a message may be', Buffer.from([0xff, 0, 0, 0]), 'link_frame_too_large'],
    ['not JSON', Buffer.from([0, 0, 0, 1, 0x7b]), 'link_frame_invalid'],
  ])('ends where what comes is %s', async (_, bytes, code) => {
    const { raw, ended } = pair();
    raw.write(bytes);
    expect(await ended).toMatchObject({ code });
  });
});
