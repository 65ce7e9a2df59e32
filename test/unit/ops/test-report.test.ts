import { describe, expect, it } from 'vitest';
import { countReport } from '../../../ops/test-report.ts';

const file = (status: string, ...tests: string[]) => ({
  name: 'a.test.ts',
  status,
  assertionResults: tests.map((result) => ({ status: result })),
});

describe('counting a suite', () => {
  it('adds up over files', () => {
    const testResults = [file('passed', 'passed', 'passed'), file('failed', 'passed', 'failed', 'failed')];
    expect(countReport({ testResults }, 1)).toEqual({ passed: 3, failed: 2, skipped: 0 });
  });

  it('counts a file that did not load as one failure', () => {
    expect(countReport({ testResults: [file('failed'), file('passed', 'passed')] }, 1)).toMatchObject({
      passed: 1,
      failed: 1,
    });
  });

  it('counts a file whose hook failed as one failure beside the tests that were skipped for it', () => {
    const testResults = [file('failed', 'skipped', 'skipped')];
    expect(countReport({ testResults }, 1)).toEqual({ passed: 0, failed: 1, skipped: 2 });
  });

  it('counts a run that ended badly, or left no report, as a failure even if every test passed', () => {
    expect(countReport({ testResults: [file('passed', 'passed')] }, 1)).toMatchObject({
      passed: 1,
      failed: 1,
    });
    expect(countReport({ testResults: [file('passed', 'passed')] }, null)).toMatchObject({ failed: 1 });
    expect(countReport(undefined, 0)).toMatchObject({ passed: 0, failed: 1 });
  });

  it('lets a suite without a test file pass', () => {
    expect(countReport({ testResults: [] }, 0)).toEqual({ passed: 0, failed: 0, skipped: 0 });
  });
});
