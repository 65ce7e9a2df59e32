import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '#errors/coded-error.ts';
import type { ErrorCode } from '#errors/table.ts';
import { FakeApi, TOKEN } from './fake-api.ts';

/**
 * Stands in for orchestrator/main.ts in tests of `up` and `down`: the same lines on stdout, the same exit codes, the API of FakeApi. What
 * it was given in the environment is written into its home, for the test to read.
 */
const home = process.env.CLAWCAGE_HOME!;
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const code = process.env.FAKE_START_FAILS as ErrorCode | undefined;
if (code) {
  say({ event: 'failed', error: new CodedError(code).toBody() });
  process.exit(code === 'image_missing' ? 3 : 1);
}
if (process.env.FAKE_CRASH) throw new Error('crashed on purpose');

mkdirSync(home, { recursive: true });
writeFileSync(join(home, 'admin-token'), `${TOKEN}\n`, { mode: 0o600 });
writeFileSync(
  join(home, 'environment.json'),
  JSON.stringify({ allow: process.env.CLAWCAGE_GATE_ALLOW_HOSTS ?? null }),
);
const api = new FakeApi();
if (process.env.FAKE_CLAW) api.addClaw(process.env.FAKE_CLAW);
if (process.env.FAKE_CAGE)
  api.cages = [{ cageId: process.env.FAKE_CAGE, claw: 'writer', task: 'task_1', state: 'running' }];
say({ event: 'step', name: 'store', ms: 12 });
await api.start(Number(process.env.CLAWCAGE_PORT ?? 0));
say({ event: 'step', name: 'http', ms: 3 });
process.on('SIGTERM', () => {
  writeFileSync(join(home, 'ended.json'), JSON.stringify({ cages: api.cages.length }));
  process.exit(0);
});
say({ event: 'ready', url: api.url, home, pid: process.pid });
