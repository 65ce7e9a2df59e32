import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './image-tags.ts';
import { countReport, type Count, type Report } from './test-report.ts';

// run-tests.ts [SUITE...] - runs the suites one after the other, goes on after a failure, adds up.

const SUITE_MS = 20 * 60_000;
const PACKAGES = join(ROOT, 'node_modules');
const VITEST_SUITES = ['unit', 'contract', 'integration', 'attack', 'e2e', 'chaos'];
/** Files at a time where that is not vitest.config.ts's: these often wait for the next minute of a cap. */
const FILES_AT_ONCE: Readonly<Record<string, number>> = { integration: 3, attack: 3, e2e: 3 };

const CHECKS: Readonly<Record<string, readonly string[]>> = {
  types: [join(PACKAGES, '.bin/tsc'), '-p', '.', '--noEmit'],
  lint: [join(PACKAGES, '.bin/oxlint'), '--deny-warnings'],
  format: [join(PACKAGES, '.bin/prettier'), '--check', '--log-level', 'warn', '.'],
  'import rules': [process.execPath, 'ops/check-imports.ts'],
  migrations: [process.execPath, 'ops/check-migrations.ts'],
  'dead code': [join(PACKAGES, '.bin/knip'), '--no-progress', '--no-config-hints'],
};

// Vitest colours what it writes into a file as well.
const environment = process.stdout.isTTY ? process.env : { ...process.env, NO_COLOR: '1' };
const reports = mkdtempSync(join(tmpdir(), 'clawcage-reports-'));

/** Runs a command in a process group of its own, so that nothing it started outlives its time; resolves to its exit code. */
async function run(command: readonly string[], output: 'inherit' | number): Promise<number | null> {
  const [file, ...args] = command as [string, ...string[]];
  const child = spawn(file, args, {
    cwd: ROOT,
    stdio: ['ignore', output, output],
    detached: true,
    env: environment,
  });
  const end = () => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL');
  const overdue = setTimeout(() => {
    console.log(`${file} took longer than ${SUITE_MS / 60_000} minutes and was ended`);
    end();
  }, SUITE_MS);
  const interrupted = () => {
    end();
    process.exit(130);
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    return code;
  } finally {
    clearTimeout(overdue);
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
  }
}

async function runVitest(suite: string): Promise<Count> {
  const file = join(reports, `${suite}.json`);
  const vitest = [process.execPath, join(PACKAGES, 'vitest/vitest.mjs'), 'run', '--project', suite];
  if (FILES_AT_ONCE[suite]) vitest.push(`--maxWorkers=${FILES_AT_ONCE[suite]}`);
  const code = await run(
    [...vitest, '--passWithNoTests', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`],
    'inherit',
  );
  return countReport(readReport(file), code);
}

function readReport(file: string): Report | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Report;
  } catch {
    return undefined;
  }
}

/** Each check counts as a test; only what fails is shown. */
async function runChecks(): Promise<Count> {
  let passed = 0;
  for (const [name, command] of Object.entries(CHECKS)) {
    const started = performance.now();
    const code = await run(command, 'inherit');
    passed += code === 0 ? 1 : 0;
    console.log(`  ${name}: ${code === 0 ? 'passed' : 'failed'}, ${seconds(started)}`);
  }
  return { passed, failed: Object.keys(CHECKS).length - passed, skipped: 0 };
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

const suites = process.argv.length > 2 ? process.argv.slice(2) : [...VITEST_SUITES, 'check'];
const totals = { passed: 0, failed: 0 };
const lines: string[] = [];
try {
  for (const suite of suites) {
    console.log(`\n== ${suite}`);
    const started = performance.now();
    const { passed, failed, skipped } = await (suite === 'check' ? runChecks() : runVitest(suite)).catch(
      (error: unknown) => {
        console.log(error);
        return { passed: 0, failed: 1, skipped: 0 };
      },
    );
    totals.passed += passed;
    totals.failed += failed;
    const more = skipped > 0 ? `, ${skipped} skipped` : '';
    lines.push(`  ${suite}: ${passed} passed, ${failed} failed${more}, ${seconds(started)}`);
  }
} finally {
  rmSync(reports, { recursive: true });
}
const summary = `${totals.passed} passed, ${totals.failed} failed`;
if (process.env['TEST_SUMMARY']) writeFileSync(process.env['TEST_SUMMARY'], `${summary}\n`);
console.log(`\n${lines.join('\n')}\n${summary}`);
process.exitCode = totals.failed > 0 ? 1 : 0;
