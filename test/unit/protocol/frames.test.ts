import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameDecoder, type DecodedFrame } from '#protocol/frames-decoder.ts';
import { encodeFrame, FRAME_LIMIT, type Frame } from '#protocol/frames.ts';

const frame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({
    kind: fc.constant('message' as const),
    seq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    payload: fc.jsonValue(),
  }),
  fc.record({ kind: fc.constant('ack' as const), seq: fc.maxSafeNat() }),
  fc.record({ kind: fc.constant('handshake' as const), payload: fc.jsonValue() }),
);
const plain = (frames: readonly DecodedFrame[]) => frames.map((frame) => ({ ...frame, bytes: undefined }));
/** JSON has no -0. */
const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

function cut(bytes: Buffer, points: readonly number[]): Buffer[] {
  const at = [...new Set(points.map((point) => point % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((from, index) => bytes.subarray(from, at[index] ?? bytes.length));
}

describe('frames', () => {
  it('come out as they went in, however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 8 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        (frames, points) => {
          const decoder = new FrameDecoder();
          const out = cut(Buffer.concat(frames.map(encodeFrame)), points).flatMap(
            (piece) => decoder.push(piece).frames,
          );
          expect(plain(out)).toEqual(asJson(frames));
        },
      ),
    );
  });

  it('come out of single bytes', () => {
    const frames: Frame[] = [
      { kind: 'message', seq: 1, payload: { text: 'grüße 🦀' } },
      { kind: 'ack', seq: 9 },
    ];
    const decoder = new FrameDecoder();
    const out = Array.from(Buffer.concat(frames.map(encodeFrame))).flatMap(
      (byte) => decoder.push(Uint8Array.of(byte)).frames,
    );
    expect(plain(out)).toEqual(frames);
  });

  it('of whatever bytes never throw, and never take more memory than one frame', () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      frame.map((one) => new Uint8Array(encodeFrame(one))),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const decoder = new FrameDecoder();
        for (const bytes of pieces) {
          const { error } = decoder.push(bytes);
          if (error) expect(['link_frame_too_large', 'link_frame_invalid']).toContain(error.code);
          expect(decoder.allocatedBytes).toBeLessThanOrEqual(FRAME_LIMIT);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('that are announced large cost memory only as they arrive', () => {
    const decoder = new FrameDecoder();
    const head = Buffer.alloc(5);
    head.writeUInt32BE(FRAME_LIMIT - 4);
    expect(decoder.push(head).error).toBeUndefined();
    expect(decoder.allocatedBytes).toBeLessThan(10_000);
    for (let sent = 5; sent < FRAME_LIMIT; sent += 10_000) {
      decoder.push(Buffer.alloc(10_000));
      expect(decoder.allocatedBytes).toBeLessThanOrEqual(FRAME_LIMIT);
    }
  });

  it('above the limit are refused on both ends, and the decoder takes nothing more', () => {
    expect(() => encodeFrame({ kind: 'message', seq: 1, payload: 'x'.repeat(FRAME_LIMIT) })).toThrow(
      expect.objectContaining({ code: 'link_frame_too_large' }),
    );
    const decoder = new FrameDecoder();
    const head = Buffer.alloc(4);
    head.writeUInt32BE(FRAME_LIMIT - 3);
    expect(decoder.push(head).error).toMatchObject({ code: 'link_frame_too_large' });
    expect(decoder.push(encodeFrame({ kind: 'ack', seq: 1 }))).toMatchObject({
      frames: [],
      error: { code: 'link_frame_too_large' },
    });
  });

  it('of the greatest size pass', () => {
    const payload = 'x'.repeat(FRAME_LIMIT - 4 - 9 - 2);
    const decoder = new FrameDecoder();
    expect(decoder.push(encodeFrame({ kind: 'message', seq: 1, payload })).frames).toMatchObject([
      { payload },
    ]);
  });

  it.each([
    ['an unknown kind', Buffer.from('0000000909' + '0'.repeat(15) + '1', 'hex')],
    ['no room for kind and sequence', Buffer.from('0000000301aabb', 'hex')],
    ['a sequence above 2^53', Buffer.from('00000009030020000000000000', 'hex')],
    ['an acknowledgement with a payload', Buffer.from('0000000b030000000000000001' + '7b7d', 'hex')],
    ['a message numbered 0', Buffer.from('0000000b020000000000000000' + '7b7d', 'hex')],
    ['a numbered handshake', Buffer.from('0000000b010000000000000001' + '7b7d', 'hex')],
    ['what is no JSON', Buffer.from('0000000b020000000000000001' + '7b7b', 'hex')],
    ['what is no UTF-8', Buffer.from('0000000d020000000000000001' + '22c32822', 'hex')],
  ])('with %s are invalid', (_, bytes) => {
    expect(new FrameDecoder().push(bytes).error).toMatchObject({ code: 'link_frame_invalid' });
  });
});
