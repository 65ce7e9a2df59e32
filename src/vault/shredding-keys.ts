import type { Secret } from '#secret/secret.ts';

/**
 * Short-lived keys, one a task, kept outside database, Redis and backups. Destroying one destroys every copy of what
 * was sealed under it. Who gets a key wipes it after use.
 */
export interface ShreddingKeys {
  /** Makes the key of that id, durably, or returns the one that is there. */
  create(id: string): Promise<Secret>;
  /** Undefined where it was destroyed, or never made. */
  get(id: string): Promise<Secret | undefined>;
  /** Destroying what is not there is fine. */
  destroy(id: string): Promise<void>;
}
