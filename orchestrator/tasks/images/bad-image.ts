import { CodedError } from '#errors/coded-error.ts';

/** What is wrong with an image; never a byte of it. */
export function badImage(reason: string): CodedError {
  return new CodedError('image_invalid', { reason });
}
