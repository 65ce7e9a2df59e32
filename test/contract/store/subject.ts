import type { Store } from '../../../orchestrator/store/store.ts';
import type { Tenant } from '../../support/store-rows.ts';

export interface Opened {
  readonly store: Store;
  /** The same rows as another process sees them, where the database takes more than one; else the same store. */
  readonly other: Store;
  close(): Promise<void>;
}

export interface Subject {
  readonly store: Store;
  readonly other: Store;
  readonly tenant: Tenant;
}
