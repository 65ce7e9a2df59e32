import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** The throw-away key of the loopback endpoint: good for this meter only, worth nothing anywhere else. */
export class LoopbackKey {
  readonly text = `sk-cage-${randomBytes(24).toString('base64url')}`;
  readonly #expected = digest(`Bearer ${this.text}`);

  /** Compares in a time that does not depend on the content. */
  accepts(authorization: string | undefined): boolean {
    return timingSafeEqual(digest(authorization ?? ''), this.#expected);
  }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
