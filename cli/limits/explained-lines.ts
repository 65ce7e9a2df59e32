import type { ExplainReply } from '#protocol/api.ts';
import { coloursFor, widthOf, type Colours, type Terminal } from '../terminal/terminal.ts';
import { count } from '../terminal/words.ts';
import { wrapped } from '../terminal/wrap.ts';

type Bound = ExplainReply['bound'];

/** What would be reserved for a call and why, and whether it fits, as a person reads it. */
export function explainedLines(
  reply: ExplainReply,
  { stdout, env }: Pick<Terminal, 'stdout' | 'env'>,
): string[] {
  const colours = coloursFor(stdout, env);
  const columns = widthOf(stdout);
  const known =
    reply.modelKnownSince === null
      ? 'this model is not known: safe assumptions stand in'
      : `figures of this model of ${reply.modelKnownSince}`;
  return [
    `${colours.bold(printable(reply.model))}, ${reply.operation}; ${known}`,
    ...boundLines('reserved at first', reply.bound, colours, columns),
    ...(reply.tightened === null
      ? []
      : boundLines('where that would have to wait', reply.tightened, colours, columns)),
    ...fitLines(reply.fits, colours),
    ...reply.advice.flatMap((sentence) =>
      wrapped(printable(sentence), columns, 2).map((line, at) => `${at === 0 ? '→' : ' '} ${line}`),
    ),
  ];
}

function boundLines(title: string, bound: Bound, colours: Colours, columns: number | undefined): string[] {
  const name = Math.max(0, ...bound.parts.map(({ part }) => part.length));
  const tokens = Math.max(0, ...bound.parts.map((part) => count(part.tokens).length));
  const indent = name + tokens + 6;
  const parts = bound.parts.flatMap((part) =>
    wrapped(printable(part.why), columns, indent).map((line, at) =>
      at === 0
        ? `  ${part.part.padEnd(name)}  ${count(part.tokens).padStart(tokens)}  ${colours.dim(line)}`
        : `${' '.repeat(indent)}${colours.dim(line)}`,
    ),
  );
  return [
    `${title}: ${count(bound.totalTokens)} tokens (${count(bound.inputTokens)} in, ${count(bound.outputTokens)} out)`,
    ...parts,
  ];
}

function fitLines(fits: ExplainReply['fits'], { green, red }: Colours): string[] {
  if (fits.length === 0) return ['No cap stands against it.'];
  const wide = Math.max(...fits.map(({ level, limit }) => level.length + limit.length));
  return fits.map(({ level, limit, cap, fits: fitting }) => {
    const words = `${level} ${limit}`.padEnd(wide + 1);
    return fitting
      ? `${green('✓')} ${words}  fits the cap of ${count(cap)}`
      : `${red('✗')} ${words}  never fits the cap of ${count(cap)}`;
  });
}

const printable = (text: string): string => text.replace(/[\p{Cc}]+/gu, ' ');
