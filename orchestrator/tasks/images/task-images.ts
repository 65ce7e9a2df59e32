import type { z } from 'zod';
import { CodedError, toCodedError } from '#errors/coded-error.ts';
import { LIMITS, type taskImage } from '#protocol/api.ts';
import { cleanImage, type TypedImage } from './clean-image.ts';

type GivenImage = z.output<typeof taskImage>;

export interface InputImage {
  readonly name: string;
  readonly type: string;
  readonly detail: string;
  /** Base64. */
  readonly data: string;
}

const DATA_URL = /^data:[^,;]*(?:;[^,;]*)*;base64,/i;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/**
 * The images of a task: typed by content, without location, each with a name that no file has: the given one, or `image-N` and its type. Throws
 * `image_invalid` with the index and the reason, `request_invalid` where two have one name.
 */
export function taskImages(given: readonly GivenImage[], fileNames: readonly string[]): InputImage[] {
  const taken = new Set([...fileNames, ...given.flatMap(({ name }) => name ?? [])]);
  return given.map((image, index) => {
    const { bytes, type, extension } = read(image.data, index);
    const name = image.name ?? freeName(taken, `image-${index + 1}`, extension);
    return { name, type, detail: image.detail, data: bytes.toString('base64') };
  });
}

function read(data: string, index: number): TypedImage {
  try {
    return cleanImage(decoded(data));
  } catch (error) {
    const { code, details } = toCodedError(error);
    throw new CodedError(code, { index, ...details });
  }
}

function decoded(data: string): Buffer {
  const base64 = data.slice(DATA_URL.exec(data.slice(0, 200))?.[0].length ?? 0);
  if (!BASE64.test(base64))
    throw new CodedError('image_invalid', { reason: 'it is neither base64 nor a data URL with base64' });
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length > LIMITS.fileBytes)
    throw new CodedError('image_invalid', { reason: 'it is too large', limitBytes: LIMITS.fileBytes });
  return bytes;
}

function freeName(taken: Set<string>, stem: string, extension: string): string {
  let name = `${stem}.${extension}`;
  for (let round = 2; taken.has(name); round += 1) name = `${stem}-${round}.${extension}`;
  taken.add(name);
  return name;
}
