import { say, type Cli } from '../cli.ts';
import { bar } from '../terminal/bars.ts';
import { coloursFor, widthOf } from '../terminal/terminal.ts';
import { count } from '../terminal/words.ts';
import type { ChartRow } from './rows.ts';

const WIDEST_BAR = 40;
const NARROWEST_BAR = 4;

/** A line for each row: label, bar, tokens, requests. Where the terminal is too narrow the requests go first, then the bar. */
export function showChart(cli: Cli, rows: readonly ChartRow[]): void {
  const { cyan, dim } = coloursFor(cli.terminal.stdout, cli.terminal.env);
  const lines = rows.map((one) => ({
    label: one?.label ?? '⋮',
    value: one?.row?.usage.totalTokens ?? 0,
    tokens: one ? `${count(one.row?.usage.totalTokens ?? 0)} tokens` : '',
    requests: one ? `${count(one.row?.usage.requests ?? 0)} requests` : '',
  }));
  const most = Math.max(...lines.map(({ value }) => value));
  const columns = widthOf(cli.terminal.stdout) ?? 100;
  const widest = (field: 'label' | 'tokens' | 'requests'): number =>
    Math.max(...lines.map((line) => line[field].length));
  const [label, tokens, requests] = [
    Math.min(widest('label'), Math.max(16, columns - 30)),
    widest('tokens'),
    widest('requests'),
  ];
  const room = columns - label - tokens - 4;
  const withRequests = room - requests - 2 >= NARROWEST_BAR;
  const width = Math.min(WIDEST_BAR, withRequests ? room - requests - 2 : room);
  for (const line of lines) {
    const drawn = width < NARROWEST_BAR ? [] : [cyan(bar(line.value, most, width).padEnd(width))];
    const cells = [cut(line.label, label).padEnd(label), ...drawn, line.tokens.padStart(tokens)];
    say(
      cli,
      `${cells.join('  ')}${withRequests ? `  ${dim(line.requests.padStart(requests))}` : ''}`.trimEnd(),
    );
  }
}

const cut = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, width - 1)}…` : text;
