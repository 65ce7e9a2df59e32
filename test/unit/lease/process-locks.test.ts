import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { ProcessLocks } from '../../../orchestrator/lease/process-locks.ts';

const home = mkdtempSync(join(tmpdir(), 'clawcage-locks-'));
afterEach(() => rmSync(home, { recursive: true, force: true }));

const LOCKS = fileURLToPath(new URL('../../../orchestrator/lease/process-locks.ts', import.meta.url));
const HOLD = `
  const { ProcessLocks } = await import(process.argv[2]);
  globalThis.lock = new ProcessLocks(process.argv[1]).take('orch_1');
  process.stdout.write('taken');
  setInterval(() => undefined, 1000);
`;

it('an orchestrator is surely gone once its process is, and not while it lives or sleeps; of one that is not known nothing is said', async () => {
  const locks = new ProcessLocks(home);
  expect(locks.isGone('orch_1')).toBe(false);
  const child = spawn(process.execPath, ['--input-type=module', '-e', HOLD, home, LOCKS], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  expect(locks.isGone('orch_1')).toBe(false);
  child.kill('SIGSTOP');
  expect(locks.isGone('orch_1')).toBe(false);
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
  expect(locks.isGone('orch_1')).toBe(true);
  locks.forget('orch_1');
  expect(locks.isGone('orch_1')).toBe(false);
});

it('one that leaves in order takes its lock away', () => {
  const locks = new ProcessLocks(home);
  locks.take('orch_2')[Symbol.dispose]();
  expect(locks.isGone('orch_2')).toBe(false);
});
