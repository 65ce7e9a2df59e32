import { badImage } from './bad-image.ts';
import type { CleanedImage } from './cleaned-image.ts';
import { cleanGif, isGif } from './gif.ts';
import { cleanJpeg, isJpeg } from './jpeg.ts';
import { cleanPng, isPng } from './png.ts';
import { cleanWebp, isWebp } from './webp.ts';

export interface TypedImage extends CleanedImage {
  readonly type: 'image/png' | 'image/jpeg' | 'image/webp' | 'image/gif';
  readonly extension: 'png' | 'jpg' | 'webp' | 'gif';
}

/** Larger ones are refused by providers, or made smaller before a model sees them. */
const SIDE_LIMIT = 16_384;
const PIXEL_LIMIT = 100_000_000;

/**
 * Tells the type of an image by its content and drops its location (the GPS part of EXIF, XMP and IPTC packets, what comes after its end). Nothing is
 * encoded anew: the pixels' bytes are the same. Throws `image_invalid` with a reason.
 */
export function cleanImage(bytes: Buffer): TypedImage {
  const image = cleaned(bytes);
  const { width, height } = image;
  if (width < 1 || height < 1) throw badImage('it has no pixels');
  if (width > SIDE_LIMIT || height > SIDE_LIMIT || width * height > PIXEL_LIMIT)
    throw badImage(`${width} x ${height} pixels are too many: ${SIDE_LIMIT} a side, ${PIXEL_LIMIT} in all`);
  return image;
}

function cleaned(bytes: Buffer): TypedImage {
  if (isPng(bytes)) return { ...cleanPng(bytes), type: 'image/png', extension: 'png' };
  if (isJpeg(bytes)) return { ...cleanJpeg(bytes), type: 'image/jpeg', extension: 'jpg' };
  if (isWebp(bytes)) return { ...cleanWebp(bytes), type: 'image/webp', extension: 'webp' };
  if (isGif(bytes)) return { ...cleanGif(bytes), type: 'image/gif', extension: 'gif' };
  throw badImage('by its content it is none of the four types');
}
