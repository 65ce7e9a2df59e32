import type { LimitsReply } from '#protocol/api.ts';
import { widthOf, coloursFor, type Terminal } from '../terminal/terminal.ts';
import { count, seconds } from '../terminal/words.ts';
import { wrapped } from '../terminal/wrap.ts';
import { layoutFor, levelLines } from './level-lines.ts';

const USUAL_COLUMNS = 80;

/** All that holds the calls of a Claw back, as a person reads it: one block of lines, none longer than the terminal is wide. */
export function limitsLines(reply: LimitsReply, { stdout, env }: Pick<Terminal, 'stdout' | 'env'>): string[] {
  const colours = coloursFor(stdout, env);
  const columns = widthOf(stdout) ?? USUAL_COLUMNS;
  const layout = layoutFor(reply.levels, columns);
  const weight = reply.weight === 1 ? '' : `, weight ${reply.weight}`;
  return [
    colours.bold(`${reply.claw}, ${reply.state}${weight}`),
    ...reply.levels.flatMap((level) => levelLines(level, layout, colours)),
    ...stateOf(reply).flatMap((line) => wrapped(line, widthOf(stdout), 0)),
  ];
}

/** What is under way, what waits and for what, and when there is room. */
function stateOf({ calls, waiting, waitsFor, freeInMs, state }: LimitsReply): string[] {
  const underWay = `${count(calls.inFlight)}${calls.most === null ? '' : ` of ${count(calls.most)}`} ${calls.inFlight === 1 && calls.most === null ? 'call' : 'calls'} under way`;
  const held =
    waitsFor === null
      ? ''
      : `, ${waiting > 0 ? 'the first ' : 'the next would wait '}for ${spoken(waitsFor)}`;
  const room = freeInMs === null ? 'when is not known' : freeInMs === 0 ? 'now' : `in ${seconds(freeInMs)}`;
  return [
    `${underWay}, ${count(waiting)} waiting${held}`,
    state === 'stopped' ? 'stopped: nothing goes out until it is deployed' : `room for a small call: ${room}`,
  ];
}

const LIMITS: Readonly<Record<string, string>> = {
  tokens: 'tokens',
  requests: 'requests',
  turn: 'its turn',
  calls: 'a call under way to end',
  provider: "the provider's own limit",
};

/** `key tokens` as `tokens of the key`; words that this version does not know stay as they are. */
export function spoken(waitsFor: string): string {
  const [, level, limit] = /^(claw|key|organisation) (\w+)$/.exec(waitsFor) ?? [];
  if (level === undefined || limit === undefined) return waitsFor.replace(/[\p{Cc}]+/gu, ' ');
  const words = LIMITS[limit];
  if (limit === 'queue') return 'the calls before it';
  if (limit === 'paused' || limit === 'stopped') return 'its Claw to be deployed';
  if (words === undefined) return waitsFor;
  if (limit === 'calls') return words;
  if (limit === 'turn') return `its turn at the ${level}`;
  return limit === 'provider' ? words : `${words} of the ${level === 'claw' ? 'Claw' : level}`;
}
