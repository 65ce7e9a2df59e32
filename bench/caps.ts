import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { makeKey } from '../provider-sim/keys.ts';
import { TestOrchestrators } from '../test/support/orchestrators.ts';
import { booked } from './caps/booked.ts';
import { Claws } from './caps/claws.ts';
import { CapHistory, monotonicMs } from './caps/history.ts';
import { judge, largestRatio, lineOf, type BookedCall } from './caps/judge.ts';
import { Overruns } from './caps/overruns.ts';
import { KEY_CAPS, KEYS, ORGANISATION_LOWERED_AT, WINDOW_MS } from './caps/scenario.ts';
import { Strikes } from './caps/strikes.ts';
import { FIXED, fingerprintOf, throughFixedWindow } from './caps/through-fixed-window.ts';
import { useOf } from './caps/use.ts';
import { short } from './report.ts';
import { writeResults } from './results-file.ts';

/**
 * Whether the caps hold, by the provider's own books: 16 Claws in cages on four keys before three orchestrators, some of which are killed, and the same demand through a
 * limiter that counts minutes of the clock. Exit code 1 where a cap was exceeded, a saturated one was used by less than 0.95, or the judge did not see the fixed window.
 *
 *     node bench/caps.ts [--minutes 5] [--seed 1]
 */
const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '5' }, seed: { type: 'string', default: '1' } },
  strict: false,
});
const seed = Number(values.seed);
const lengthMs = Number(values.minutes) * 60_000;
if (!Number.isFinite(seed) || !(lengthMs >= 3 * 60_000)) {
  console.error(
    '--seed is a number, --minutes one from 3 on: use is measured over whole minutes after the first.',
  );
  process.exit(2);
}
/** From a permit to its arrival: 30 s until sending, a second for the way, a second until a change has its effect. */
const LAG_MS = 32_000;
const ORCHESTRATORS = 3;
/** In which the cages start. */
const START_MS = 30_000;

const said: string[] = [];
const say = (line: string): void => {
  said.push(line);
  console.log(line);
};
const secrets = Object.fromEntries(KEYS.map((key) => [key, makeKey()]));
const fingerprints = Object.fromEntries(KEYS.map((key) => [key, fingerprintOf(secrets[key]!)]));

await using all = await TestOrchestrators.start(ORCHESTRATORS, {
  CLAWCAGE_MAX_CAGES: '24',
  CLAWCAGE_WARM_SPARES: '0',
  CLAWCAGE_LEASE_MS: '5000',
  CLAWCAGE_LIMITER_HOLD_MS: '91000',
});
for (const key of KEYS) all.provider.keys.add(secrets[key]!);
const caps = new CapHistory(fingerprints);
const overruns = new Overruns(all);
const claws = await Claws.make(all, secrets, seed);

const beganMs = Date.now();
const began = monotonicMs();
const untilMs = beganMs + START_MS + lengthMs;
const strikes = new Strikes({ all, claws, caps, overruns, seed });
say(`seed ${seed}: ${values.minutes} minutes of 16 Claws on 4 keys before ${ORCHESTRATORS} orchestrators`);
await Promise.all([claws.run(untilMs), strikes.run(beganMs, untilMs)]);
const overrun = await overruns.total(ORCHESTRATORS);
const { orchestrators, meters, changes } = strikes.done;
say(`killed ${orchestrators} orchestrators and ${meters} meters, changed ${changes} caps`);
say(`answers ${JSON.stringify(claws.statuses)}, tasks that failed ${JSON.stringify(claws.failures)}`);

say('the same demand through a fixed window …');
await throughFixedWindow(all, secrets, seed);

const lines = all.provider.books();
const calls = lines.filter(({ note }) => !note?.endsWith(` ${FIXED}`)).flatMap(booked);
const fixed = lines
  .filter(({ note }) => note?.endsWith(` ${FIXED}`))
  .flatMap(booked)
  .map((call): BookedCall => ({ ...call, claw: call.claw!.split(' ')[0]! }));
const times = { windowMs: WINDOW_MS, lagMs: LAG_MS };
const verdicts = judge(calls, caps, times);
const unfair = judge(fixed, new CapHistory(fingerprints), times);

const measured = {
  fromMs: began + START_MS + WINDOW_MS,
  // The organisation's caps bind from then on.
  toMs: began + (START_MS + lengthMs) * ORGANISATION_LOWERED_AT,
  windowMs: WINDOW_MS,
};
const uses = (['tokens', 'requests'] as const).map((limit) => {
  const cap = KEY_CAPS[limit][limit]!;
  return { limit, parts: useOf(calls, { key: fingerprints[limit]!, limit, cap }, measured) };
});
const mean = (parts: readonly number[]): number => parts.reduce((sum, part) => sum + part, 0) / parts.length;

say(
  `${calls.length} calls in the provider's books, ${calls.filter(({ claw }) => claw === null).length} without a Claw's name`,
);
for (const verdict of verdicts) say(lineOf(verdict));
say(`overrun ${overrun} tokens`);
for (const { limit, parts } of uses)
  say(
    `use of a saturated cap of ${limit}: ${mean(parts).toFixed(4)} (by the minute: ${parts.map(short).join(', ')})`,
  );
say(`through the fixed window (${fixed.length} calls):`);
for (const verdict of unfair) say(lineOf(verdict));
keep();

const failures = [
  ...verdicts
    .filter(({ ratio }) => ratio > 1)
    .map(({ level, limit }) => `the ${level}'s cap of ${limit} was exceeded`),
  ...verdicts
    .filter(({ id }) => id === null)
    .map(({ level, limit }) => `nothing arrived under a cap of ${limit} at a ${level}`),
  ...(overrun > 0 ? ['calls took more than was reserved'] : []),
  ...uses
    .filter(({ parts }) => !(mean(parts) >= 0.95))
    .map(({ limit }) => `a saturated cap of ${limit} was used too little`),
  ...(largestRatio(unfair) > 1.2 ? [] : ['the judge did not see the fixed window']),
];
for (const failure of failures) say(`FAILED: ${failure}`);
if (failures.length === 0) say(`passed: worst window / cap ${largestRatio(verdicts).toFixed(4)}`);
process.exitCode = failures.length === 0 ? 0 : 1;
writeResults({ caps: said });

/** For `node bench/caps/check.ts`. */
function keep(): void {
  const folder = fileURLToPath(new URL('../build/bench/caps/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  const own = lines.filter(({ note }) => !note?.endsWith(` ${FIXED}`));
  writeFileSync(`${folder}books.jsonl`, own.map((line) => `${JSON.stringify(line)}\n`).join(''));
  writeFileSync(`${folder}caps.json`, JSON.stringify(caps));
  say(`books and caps are kept in build/bench/caps`);
}
