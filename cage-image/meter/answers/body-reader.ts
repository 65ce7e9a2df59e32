import type { UsageCounts } from '#protocol/link-messages.ts';

/** Reads the usage out of an answer's body while it passes. */
export interface BodyReader {
  /** What of it goes on to the agent. */
  push(chunk: Buffer): Buffer;
  end(): Buffer;
  /** Known at the end, for a stream as soon as it came. */
  usage(): UsageCounts | undefined;
  /** False where more of it may have been to come, had the body not broken off. */
  usageIsFinal?(): boolean;
  /** False where the body came to its end before what it brings did; the agent must not take it for whole. */
  whole?(): boolean;
}

export const EMPTY = Buffer.alloc(0);

/** A body that says nothing of its usage: audio, a file, a text. */
export const opaqueReader = (): BodyReader => ({
  push: (chunk) => chunk,
  end: () => EMPTY,
  usage: () => undefined,
});
