import { defineConfig } from 'vitest/config';

/** One project per kind of test; `make test` runs them in this order, each needing more of the machine than the last. */
const kind = (name: string, seconds: number, parallel: boolean) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: seconds * 1000,
    hookTimeout: 120_000,
    fileParallelism: parallel,
    pool: 'forks' as const,
    // A condition that is awaited has most of its test's time: a busy machine is no failure.
    expect: { poll: { timeout: (seconds * 1000) / 2 } },
  },
});

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      kind('unit', 10, true),
      kind('contract', 60, true),
      kind('integration', 60, true),
      kind('attack', 120, true),
      kind('e2e', 180, true),
      kind('chaos', 300, false),
    ],
  },
});
