import { describe, expect, test } from 'vitest';
import { imageSize } from '#bounds/image-size.ts';
import { imageTokens } from '#bounds/image-tokens.ts';
import { factsOf } from '#bounds/models.ts';

const url = (bytes: Buffer) => `data:image/png;base64,${bytes.toString('base64')}`;
function png(width: number, height: number): string {
  const bytes = Buffer.alloc(33);
  bytes.write('\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'latin1');
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  return url(bytes);
}
const frame = (width: number, height: number) =>
  Buffer.from([0xff, 0xc0, 0, 8, 8, height >> 8, height & 255, width >> 8, width & 255, 1]);
const jpeg = (...segments: Buffer[]) =>
  url(
    Buffer.concat([
      Buffer.from([0xff, 0xd8, 0xff, 0xe1, 0, 4, 1, 2]),
      ...segments,
      Buffer.from([0xff, 0xda, 0, 0]),
    ]),
  );
const gif = Buffer.from('GIF89a\x10\0\x10\0\0\0\0\x2c\x04\0\0\0\x40\0\x20\0\0\0', 'latin1');
const webp = Buffer.from('RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x1f\x03\0\x57\x02\0\0\0', 'latin1');

describe('the size of an image', () => {
  test.each([
    ['PNG', png(640, 480), { width: 640, height: 480 }],
    ['JPEG', jpeg(frame(300, 200)), { width: 300, height: 200 }],
    ['GIF, with the picture that goes beyond its screen', url(gif), { width: 68, height: 32 }],
    ['WebP', url(webp), { width: 800, height: 600 }],
    ['JPEG of two sizes', jpeg(frame(1, 1), frame(3000, 2000)), undefined],
    ['JPEG that ends before it', url(Buffer.from([0xff, 0xd8, 0xff, 0xe1, 0, 40])), undefined],
    ['something else', url(Buffer.from('BM'.repeat(40))), undefined],
    ['no base64', `${png(1, 1)}-_`, undefined],
    ['no pixels', png(0, 5), undefined],
  ])('is read from the head of a %s', (_, image, size) => {
    expect(imageSize(image)).toEqual(size);
  });
});

describe('the tokens of an image', () => {
  const tokens = (model: string, image: string, detail?: string) =>
    imageTokens({ url: image, ...(detail !== undefined && { detail }) }, factsOf(model));

  test.each([
    // The examples of the guide.
    ['gpt-4o', png(1024, 1024), 'high', 765],
    ['gpt-4o', png(2048, 4096), 'high', 1105],
    ['gpt-4o', png(4096, 8192), 'low', 85],
    ['gpt-4o', png(2049, 513), 'high', 1445],
    ['gpt-4o-mini', png(1024, 1024), 'high', 2833 + 4 * 5667],
    ['gpt-4o-mini', png(1024, 1024), 'low', 2833],
    ['gpt-4.1', png(1024, 1024), 'high', Math.ceil(1024 * 2.46)],
    ['gpt-4.1', png(8000, 8000), 'high', Math.ceil(1536 * 2.46)],
    ['gpt-5.4', png(3200, 3200), 'original', 24_600],
    ['gpt-5.4', png(640, 320), 'auto', 1105],
    ['gpt-5.6', png(6764, 4512), 'auto', Math.ceil(212 * 141 * 2.46)],
    ['gpt-6-astra', png(9000, 9000), 'original', 73_800],
  ])('of %s are those of its formula', (model, image, detail, expected) => {
    expect(tokens(model, image, detail)).toBe(expected);
  });

  test('without a detail, or with one that the provider chooses, are the greatest', () => {
    expect(tokens('gpt-4o', png(1024, 1024))).toBe(765);
    expect(tokens('gpt-4o', png(1024, 1024), 'auto')).toBe(765);
    expect(tokens('gpt-4o', png(1024, 1024), 'LOW')).toBe(765);
  });

  test('are the most that one can cost where the size cannot be read or the model is not known', () => {
    expect(tokens('gpt-4o', url(Buffer.alloc(50)))).toBe(1445);
    expect(tokens('llama3.2', png(8, 8), 'low')).toBe(50_000);
    expect(tokens('gpt-9', url(Buffer.alloc(50)))).toBe(73_800);
  });
});
