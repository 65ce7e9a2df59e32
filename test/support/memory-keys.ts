import { randomBytes } from 'node:crypto';
import { Secret } from '#secret/secret.ts';
import type { Kek, KekProvider } from '#vault/keks.ts';
import type { ShreddingKeys } from '#vault/shredding-keys.ts';

/** Key-encryption keys in memory, that a test adds and takes away. */
export class MemoryKeks implements KekProvider {
  readonly keys = new Map<number, Kek>();
  newest = 0;

  constructor() {
    this.rotate();
  }

  rotate(): number {
    this.newest += 1;
    this.keys.set(this.newest, { version: this.newest, key: new Secret(randomBytes(32)) });
    return this.newest;
  }

  async current(): Promise<Kek> {
    return this.keys.get(this.newest)!;
  }

  async byVersion(version: number): Promise<Kek | undefined> {
    return this.keys.get(version);
  }
}

/** Shredding keys in memory; `handedOut` keeps every Secret that was given away, to see whether it was wiped. */
export class MemoryShreddingKeys implements ShreddingKeys {
  readonly keys = new Map<string, Buffer>();
  readonly handedOut: Secret[] = [];

  async create(id: string): Promise<Secret> {
    if (!this.keys.has(id)) this.keys.set(id, randomBytes(32));
    return (await this.get(id))!;
  }

  async get(id: string): Promise<Secret | undefined> {
    const key = this.keys.get(id);
    if (key === undefined) return undefined;
    const secret = new Secret(Buffer.from(key));
    this.handedOut.push(secret);
    return secret;
  }

  async destroy(id: string): Promise<void> {
    this.keys.delete(id);
  }
}
