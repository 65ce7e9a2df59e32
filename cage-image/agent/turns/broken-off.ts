import { APIConnectionError, APIError } from 'openai';
import { CodedError } from '#errors/coded-error.ts';

/** An answer ended on its way, or without saying that it has: the same step is worth another try. */
export class BrokenOff extends Error {
  override readonly name = 'BrokenOff';
}

/**
 * Reads an answer that has begun; whatever ends it on its way but the provider's own words is `BrokenOff`. What fails before an answer has begun
 * is tried again by the client itself.
 */
export async function readingWhole<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const said = error instanceof APIError && !(error instanceof APIConnectionError);
    if (said || error instanceof CodedError || error instanceof BrokenOff) throw error;
    throw new BrokenOff('The answer broke off before its end.', { cause: error });
  }
}
