import type { Vault } from '#vault/vault.ts';
import type { TaskRef } from './stream-log.ts';

/** Wraps the key of a task's events; what is handed out is the caller's to overwrite. Errors: `vault_shredded`, once the task's content is. */
export interface EventKeys {
  wrap(of: TaskRef, key: Buffer): Promise<Buffer>;
  unwrap(of: TaskRef, wrapped: Buffer): Promise<Buffer>;
}

/** Wrapped by the task's shredding key: where that is destroyed, nobody can read the stream any more, nor a copy of it. */
export const vaultEventKeys = (vault: Pick<Vault, 'sealContent' | 'openContent'>): EventKeys => ({
  wrap: ({ organisation, task }, key) => vault.sealContent({ organisation, task, kind: 'events' }, key),
  async unwrap({ organisation, task }, wrapped) {
    const secret = await vault.openContent({ organisation, task, kind: 'events' }, wrapped);
    return secret.expose();
  },
});
