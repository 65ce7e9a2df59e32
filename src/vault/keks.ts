import type { Secret } from '#secret/secret.ts';

/** A key-encryption key: 32 bytes, named by a version from 1 up. The provider keeps it: who gets one does not wipe it. */
export interface Kek {
  readonly version: number;
  readonly key: Secret;
}

/** Where key-encryption keys live: never in the database. */
export interface KekProvider {
  /** The newest: what is sealed now is wrapped by it. */
  current(): Promise<Kek>;
  /** Undefined where there is none of that version. */
  byVersion(version: number): Promise<Kek | undefined>;
}
