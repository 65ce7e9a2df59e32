import type { Proof } from '#protocol/link-messages.ts';

/** One part of the proof as `hello` tells it. */
export type Check = Proof['checks'][number];
