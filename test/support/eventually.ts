import { vi } from 'vitest';

/** Waits until `check` does not throw, for as long as a busy machine may need; throws what it threw last. */
export const eventually = <T>(check: () => T | Promise<T>): Promise<T> =>
  vi.waitFor(check, { timeout: 20_000, interval: 10 });
