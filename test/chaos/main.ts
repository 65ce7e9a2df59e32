import { randomInt } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { planFor } from './plan.ts';
import { figuresOf, reportOf } from './report.ts';
import { runChaos } from './run.ts';

const USAGE = `test/chaos/main.ts [--seed N] [--minutes 60] [--kills 100] [--others N] [--clients 5] [--orchestrators 3] [--machine-engine] [--plan]
  --seed            the plan's; drawn and printed where absent
  --minutes         of load; the end takes some more
  --kills           SIGKILLs of orchestrators
  --others          other faults (as many as kills)
  --machine-engine  the engine that is there in place of one of its own: does without its restarts and a full disk
  --plan            prints the plan and ends
Exit codes: 0 no breach, 1 a breach, 2 usage.`;

const number = (fallback: string) => ({ type: 'string', default: fallback }) as const;
const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    minutes: number('60'),
    kills: number('100'),
    others: { type: 'string' },
    clients: number('5'),
    orchestrators: number('3'),
    'machine-engine': { type: 'boolean', default: false },
    plan: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.error(USAGE);
  process.exit(0);
}

const seed = values.seed ? Number(values.seed) : randomInt(1, 1_000_000);
const lengthMs = Number(values.minutes) * 60_000;
const kills = Number(values.kills);
const others = Number(values.others ?? values.kills);
const own = !values['machine-engine'];
if (![seed, lengthMs, kills, others].every(Number.isFinite)) {
  console.error(USAGE);
  process.exit(2);
}
if (values.plan) {
  for (const { atMs, fault, target, lastsMs } of planFor(seed, { lengthMs, kills, others }))
    console.log(
      `${(atMs / 1000).toFixed(1).padStart(8)} s  ${fault.padEnd(26)} target ${target}, ${lastsMs} ms`,
    );
  process.exit(0);
}
if (own && process.getuid?.() !== 0) {
  console.error('An engine and a disk of its own need root: run it as root, or with --machine-engine.');
  process.exit(2);
}

const outcome = await runChaos({
  seed,
  lengthMs,
  kills,
  others,
  own,
  orchestrators: Number(values.orchestrators),
  clients: Number(values.clients),
  // The whole time, so that the caps are compared over everything.
  limiterHoldMs: 91_000,
  caps: { requests: 6, tokens: 12_000 },
  cappedEveryMs: 25_000,
  restMs: 240_000,
  say: (line) => console.log(line),
});
const folder = new URL('../../build/chaos/', import.meta.url).pathname;
mkdirSync(folder, { recursive: true });
const { plan, impossible, missed, breaches } = outcome;
const report = { figures: figuresOf(outcome), breaches, impossible, missed, plan };
writeFileSync(`${folder}/report.json`, `${JSON.stringify(report, undefined, 2)}\n`);
console.log(
  `\n${reportOf(outcome)}\nwritten to build/chaos/report.json; the plan again: make chaos SEED=${seed}`,
);
process.exit(breaches.length > 0 ? 1 : 0);
