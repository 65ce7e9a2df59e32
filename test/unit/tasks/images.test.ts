import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { cleanImage } from '../../../orchestrator/tasks/images/clean-image.ts';
import { withoutLocation } from '../../../orchestrator/tasks/images/exif.ts';
import { taskImages } from '../../../orchestrator/tasks/images/task-images.ts';
import {
  exifOf,
  gifOf,
  jpegOf,
  jpegSegment,
  pngChunk,
  pngOf,
  webpChunk,
  webpOf,
} from '../../support/images-in.ts';

const EXIF = (order: 'II' | 'MM') => Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), exifOf(order)]);
const XMP = Buffer.from('http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>GPSLatitude</x:xmpmeta>', 'latin1');
const MADE = { png: pngOf, jpg: jpegOf, webp: webpOf, gif: gifOf };

const reasonOf = (bytes: Buffer): unknown => {
  try {
    cleanImage(bytes);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(CodedError);
    expect((error as CodedError).code).toBe('image_invalid');
    return (error as CodedError).details?.reason;
  }
};

describe('an image', () => {
  it('is known by its content, with its size, and is the same afterwards where nothing is to be dropped', () => {
    for (const [extension, make] of Object.entries(MADE)) {
      const image = cleanImage(make());
      expect(image).toMatchObject({ extension, width: 2, height: 3 });
      if (extension !== 'webp') expect(image.bytes.equals(make())).toBe(true);
    }
  });

  it('of any other form, or cut off anywhere, is refused with a reason', () => {
    expect(reasonOf(Buffer.from('<svg/>'))).toBe('by its content it is none of the four types');
    for (const make of Object.values(MADE)) {
      const whole = make();
      for (let length = 0; length < whole.length; length += 1)
        expect(reasonOf(whole.subarray(0, length)), String(length)).toBeTypeOf('string');
    }
  });

  it('of no pixels, or of far too many, is refused', () => {
    const png = pngOf();
    png.writeUInt32BE(0, 16);
    expect(reasonOf(png)).toBe('it has no pixels');
    png.writeUInt32BE(2 ** 31 - 1, 16);
    expect(reasonOf(png)).toMatch(/too many/);
  });

  it('whatever its bytes are never fails but by its code', () => {
    const damaged = fc
      .tuple(
        fc.constantFrom(...Object.values(MADE)),
        fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 8 }),
      )
      .map(([make, changes]) => {
        const bytes = make(jpegSegment(0xe1, EXIF('MM')), webpChunk('EXIF', exifOf('II')));
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        return bytes;
      });
    fc.assert(
      fc.property(
        fc.oneof(
          damaged,
          fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
        ),
        (bytes) => {
          reasonOf(bytes);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('where an image was taken', () => {
  it('is dropped from EXIF, and the orientation and the camera stay', () => {
    for (const order of ['II', 'MM'] as const) {
      const exif = withoutLocation(exifOf(order))!;
      expect(exif.includes('GPS')).toBe(false);
      expect(exif.includes('CameraMod')).toBe(true);
      const count = order === 'II' ? exif.readUInt16LE(8) : exif.readUInt16BE(8);
      const orientation = order === 'II' ? exif.readUInt16LE(30) : exif.readUInt16BE(30);
      expect([count, orientation]).toEqual([2, 6]);
    }
  });

  it('is dropped from every form, and the pixels stay as they are', () => {
    const iptc = Buffer.from('Photoshop 3.0\0GPSCity', 'latin1');
    const jpeg = cleanImage(
      Buffer.concat([
        jpegOf(jpegSegment(0xe1, EXIF('MM')), jpegSegment(0xe1, XMP), jpegSegment(0xed, iptc)),
        Buffer.from('GPS behind the end'),
      ]),
    ).bytes;
    const raw = Buffer.concat([Buffer.from('Raw profile type exif\0\0', 'latin1'), deflateSync(EXIF('II'))]);
    const png = cleanImage(
      pngOf(
        pngChunk('eXIf', exifOf('II')),
        pngChunk('iTXt', Buffer.from('XML:com.adobe.xmp\0\0\0\0\0GPSLatitude', 'latin1')),
        pngChunk('zTXt', raw),
        pngChunk('tEXt', Buffer.from('Title\0kept', 'latin1')),
      ),
    ).bytes;
    const webp = cleanImage(
      webpOf(webpChunk('EXIF', exifOf('II')), webpChunk('XMP ', Buffer.from('GPSLatitude'))),
    ).bytes;
    const pieces = Buffer.concat([
      Buffer.from([0x21, 0xff, 11]),
      Buffer.from('XMP DataXMP', 'latin1'),
      Buffer.from([11]),
      Buffer.from('GPSLatitude'),
      Buffer.from([0]),
    ]);
    const gif = cleanImage(gifOf(pieces)).bytes;
    for (const image of [jpeg, png, webp, gif]) expect(image.includes('GPS')).toBe(false);
    expect(jpeg.subarray(-32).equals(jpegOf().subarray(-32))).toBe(true);
    expect(png.subarray(-30).equals(pngOf().subarray(-30))).toBe(true);
    expect(png.includes('kept')).toBe(true);
    expect(webp[20]! & 0x0c).toBe(0x08);
    expect(webp.readUInt32LE(4)).toBe(webp.length - 8);
    expect(gif.equals(gifOf())).toBe(true);
    for (const image of [jpeg, png, webp, gif]) expect(cleanImage(image).bytes.equals(image)).toBe(true);
  });

  it('goes with all of the EXIF where its form cannot be followed', () => {
    const odd = exifOf('II');
    odd.writeUInt32LE(100_000, 42);
    expect(withoutLocation(odd)).toBeUndefined();
    expect(
      cleanImage(jpegOf(jpegSegment(0xe1, Buffer.concat([Buffer.from('Exif\0\0'), odd])))).bytes.equals(
        jpegOf(),
      ),
    ).toBe(true);
  });

  it('whatever its metadata are, what is around them is untouched', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const data = Buffer.from(bytes);
        const segment = jpegSegment(0xe1, Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), data]));
        expect(cleanImage(jpegOf(segment)).bytes.subarray(-32).equals(jpegOf().subarray(-32))).toBe(true);
        expect(
          cleanImage(pngOf(pngChunk('eXIf', data)))
            .bytes.subarray(-30)
            .equals(pngOf().subarray(-30)),
        ).toBe(true);
        expect(cleanImage(webpOf(webpChunk('EXIF', data))).bytes.subarray(38, 45)).toEqual(
          webpOf().subarray(38, 45),
        );
      }),
      { numRuns: 500 },
    );
  });
});

describe('the images of a task', () => {
  const data = pngOf().toString('base64');
  const given = (name?: string, of = data) => ({ data: of, detail: 'auto' as const, ...(name && { name }) });

  it('are named by their place and type where no name is given, and never like a file', () => {
    const images = taskImages(
      [
        given(),
        given('image-3.png'),
        given(),
        given(undefined, `data:image/gif;name=x;base64,${gifOf().toString('base64')}`),
      ],
      ['image-1.png'],
    );
    expect(images.map(({ name }) => name)).toEqual([
      'image-1-2.png',
      'image-3.png',
      'image-3-2.png',
      'image-4.gif',
    ]);
    expect(images.map(({ type }) => type)).toEqual(['image/png', 'image/png', 'image/png', 'image/gif']);
  });

  it('are refused by their index', () => {
    for (const bad of ['%%%', 'data:image/png,plain', Buffer.from('text').toString('base64')])
      expect(() => taskImages([given(), given(undefined, bad)], [])).toThrow(
        expect.objectContaining({ code: 'image_invalid', details: expect.objectContaining({ index: 1 }) }),
      );
  });
});
