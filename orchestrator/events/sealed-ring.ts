import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

interface Entry {
  readonly id: number;
  readonly nonce: Buffer;
  readonly sealed: Buffer;
}

/**
 * The last events of one task for those who come late, sealed (AES-256-GCM) under a key that lives only here and is overwritten by
 * `destroy`. Bounded in bytes: the oldest go first.
 */
export class SealedRing {
  readonly #key = randomBytes(32);
  readonly #entries: Entry[] = [];
  readonly #limitBytes: number;
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  add(id: number, text: string): void {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: 16 });
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    this.#entries.push({ id, nonce, sealed });
    this.#bytes += sealed.length;
    while (this.#bytes > this.#limitBytes && this.#entries.length > 1)
      this.#bytes -= this.#entries.shift()!.sealed.length;
  }

  /** The id of the oldest event that is still kept. */
  get firstId(): number | undefined {
    return this.#entries[0]?.id;
  }

  /** What is kept behind `id`, in order. */
  *after(id: number): Generator<string> {
    for (const entry of this.#entries) if (entry.id > id) yield this.#open(entry);
  }

  destroy(): void {
    this.#entries.length = 0;
    this.#bytes = 0;
    this.#key.fill(0);
  }

  #open({ nonce, sealed }: Entry): string {
    const decipher = createDecipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: 16 });
    decipher.setAuthTag(sealed.subarray(-16));
    return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]).toString('utf8');
  }
}
