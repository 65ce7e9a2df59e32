import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { booked } from './booked.ts';
import { judge, largestRatio, lineOf, type CapsInForce } from './judge.ts';

const USAGE = `node bench/caps/check.ts BOOKS.jsonl --caps CAPS.json [--window 60] [--lag 32]
  Slides a window of so many seconds over the simulator's books and prints the worst window / cap; exit code 1 above 1.
  --caps  {"claw":{NAME:{"requests":[{"fromMs":0,"cap":60}],"tokens":[…]}},"key":{FINGERPRINT:{…}},"organisation":{…}}; times as in the books. A Claw's
          calls are those with its name as the script's @note
  --lag   the longest time in seconds from a permit to its arrival, for caps that changed: 30 s until sending, a second for the way, a second for the change`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    caps: { type: 'string' },
    window: { type: 'string', default: '60' },
    lag: { type: 'string', default: '32' },
    help: { type: 'boolean', default: false },
  },
});
const [books] = positionals;
if (values.help || books === undefined || values.caps === undefined) {
  console.error(USAGE);
  process.exit(values.help ? 0 : 2);
}
const calls = readFileSync(books, 'utf8')
  .split('\n')
  .filter((line) => line.endsWith('}'))
  .flatMap((line) => booked(JSON.parse(line)));
const caps = JSON.parse(readFileSync(values.caps, 'utf8')) as CapsInForce;
const verdicts = judge(calls, caps, {
  windowMs: Number(values.window) * 1000,
  lagMs: Number(values.lag) * 1000,
});
console.log(`${calls.length} calls, ${calls.filter(({ claw }) => claw === null).length} of no Claw's name`);
for (const verdict of verdicts) console.log(lineOf(verdict));
process.exitCode = largestRatio(verdicts) > 1 ? 1 : 0;
