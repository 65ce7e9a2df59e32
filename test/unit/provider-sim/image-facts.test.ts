import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { describeImage, imageFacts } from '../../../provider-sim/image-facts.ts';
import { stripesPng } from '../../../provider-sim/media/png.ts';
import { imagesIn } from '../../../provider-sim/model/images-in.ts';

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const webp = (kind: string, rest: string) =>
  Buffer.concat([Buffer.from(`RIFF\x20\x00\x00\x00WEBP${kind}`, 'latin1'), bytes(rest)]);

describe('the facts of an image', () => {
  it.each([
    ['PNG', 640, 480, stripesPng(640, 480, 'x')],
    ['GIF', 3, 2, bytes('474946383961 0300 0200 80 00 00')],
    ['WebP', 800, 600, webp('VP8 ', '00000000 300000 9d012a 2003 5802')],
    ['WebP', 300, 200, webp('VP8L', '00000000 2f 2bc13100')],
    ['WebP', 1000, 500, webp('VP8X', '0a000000 00000000 e70300 f30100')],
    // An APP0 segment and fill bytes stand before the frame; so does DHT, whose marker lies among those of the frames.
    ['JPEG', 320, 200, bytes('ffd8 ffe0 0004 0000 ffff c4 0003 00 ffc2 0011 08 00c8 0140 03')],
  ])('are those of a %s of %i x %i', (type, width, height, image) => {
    expect(imageFacts(image)).toEqual({ type, width, height });
  });

  it('are none of anything else, and of what ends too early', () => {
    for (const wrong of ['', 'ffd8', 'ffd8ffe0', '89504e470d0a1a0a0000', '474946383961'])
      expect(imageFacts(bytes(wrong))).toBeUndefined();
    expect(imageFacts(Buffer.from('{"not":"an image"}'))).toBeUndefined();
  });

  it('are told of every image of a conversation, by its content', () => {
    const url = `data:image/jpeg;base64,${stripesPng(64, 32, 'x').toString('base64')}`;
    const part = (url: string) => ({ type: 'image_url', image_url: { url } });
    const content = [part(url), part('https://example.com/x.png'), part('data:image/png;base64,AAAA')];
    expect(imagesIn([{ role: 'user', content }]).map(describeImage)).toEqual([
      'PNG 64x32',
      'an image behind a URL',
      'something that is no image',
    ]);
  });
});

it('a picture that is made has as many pixels as it says', () => {
  const png = stripesPng(20, 3, 'seed');
  const at = png.indexOf('IDAT');
  const data = inflateSync(png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4)));
  expect(data).toHaveLength(3 * (1 + Math.ceil(20 / 8)));
});
