import { expect, it } from 'vitest';
import { LogLines, MAX_LOG_LINE } from '../../../cage-image/warden/log-lines.ts';

function linesOf(...chunks: (string | Buffer)[]): string[] {
  const lines: string[] = [];
  const log = new LogLines((line) => lines.push(line));
  for (const chunk of chunks) log.push(Buffer.from(chunk));
  log.end();
  return lines;
}

it('cuts stderr into lines, wherever its pieces end', () => {
  const word = Buffer.from('größe');
  expect(linesOf('a\nb', 'c\r\n\n', word.subarray(0, 3), word.subarray(3))).toEqual(['a', 'bc', '', 'größe']);
});

it('cuts a line that is too long, and goes on with the next', () => {
  const [long, next] = linesOf('x'.repeat(MAX_LOG_LINE), 'y'.repeat(10), '\nnext\n');
  expect(long).toBe(`${'x'.repeat(MAX_LOG_LINE)} [cut]`);
  expect(next).toBe('next');
});
