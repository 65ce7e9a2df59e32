/** What is read of the report of vitest's json reporter. */
export interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

export interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * Counts a suite's tests. A file that fails without a failing test (it did not load, a hook of it failed) counts as one failure, and so
 * does a run that ended badly with nothing else to show for it, or left no report.
 */
export function countReport(report: Report | undefined, exitCode: number | null): Count {
  const files = report?.testResults ?? [];
  const of = (tests: Report['testResults'][number]['assertionResults'], status: string) =>
    tests.filter((test) => test.status === status).length;
  let [passed, failed, skipped] = [0, 0, 0];
  for (const { status, assertionResults: tests } of files) {
    const failures = of(tests, 'failed');
    passed += of(tests, 'passed');
    failed += failures > 0 ? failures : status === 'failed' ? 1 : 0;
    skipped += tests.length - of(tests, 'passed') - failures;
  }
  const endedBadly = exitCode !== 0 || report === undefined;
  return { passed, failed: failed === 0 && endedBadly ? 1 : failed, skipped };
}
