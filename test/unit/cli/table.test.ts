import fc from 'fast-check';
import { expect, it } from 'vitest';
import { table } from '../../../cli/terminal/table.ts';

it('lines the columns up under their headings', () => {
  expect(
    table(
      ['A', 'LONGER'],
      [
        ['xyz', '1'],
        ['x', '22'],
      ],
      undefined,
    ),
  ).toEqual(['A    LONGER', 'xyz  1', 'x    22']);
});

it('fits the width of the terminal, whatever the cells hold', () => {
  const cells = fc.array(fc.string({ maxLength: 60 }), { minLength: 3, maxLength: 3 });
  fc.assert(
    fc.property(fc.array(cells, { maxLength: 5 }), fc.integer({ min: 30, max: 120 }), (rows, columns) => {
      for (const line of table(['ID', 'STATE', 'MODEL'], rows, columns))
        expect(line.length).toBeLessThanOrEqual(columns);
    }),
    { numRuns: 50 },
  );
});

it('keeps every cell whole where the output is not a terminal', () => {
  expect(table(['ID'], [['x'.repeat(300)]], undefined)[1]).toHaveLength(300);
});
