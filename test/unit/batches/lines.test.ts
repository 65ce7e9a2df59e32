import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { checkLines, parseLine } from '../../../orchestrator/batches/check-lines.ts';
import { inParallel } from '../../../orchestrator/batches/in-parallel.ts';
import { readLines } from '../../../orchestrator/batches/read-lines.ts';

const ROOM = { bytes: 1_000_000, lines: 1000 };

async function* inPieces(text: string, sizes: readonly number[] = []): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  let at = 0;
  for (const size of sizes) yield bytes.subarray(at, (at += size));
  yield bytes.subarray(at);
}

const texts = async (text: string, sizes?: readonly number[]) =>
  (await readLines(inPieces(text, sizes), ROOM)).map(({ number, bytes }) => [number, bytes.toString()]);

describe('a body of lines', () => {
  it('is the same lines, wherever it was cut on its way', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 20 }),
        async (lines, sizes) => {
          const text = lines.map((line) => JSON.stringify({ line })).join('\n');
          const whole = await readLines(inPieces(text), ROOM);
          const cut = await readLines(inPieces(text, sizes), ROOM);
          expect(cut).toEqual(whole);
          expect(cut).toHaveLength(lines.length);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('keeps the numbers of its lines, passes over blank ones, a byte order mark and a missing end', async () => {
    expect(await texts('\uFEFF{"a":1}\n\n  \r\n{"b":2}\r\n{"c":3}')).toEqual([
      [1, '{"a":1}'],
      [4, '{"b":2}\r'],
      [5, '{"c":3}'],
    ]);
    expect(await texts('')).toEqual([]);
  });

  it('may not have more bytes or lines than the limit, and is not read to its end then', async () => {
    let read = 0;
    const endless = (async function* () {
      for (;;) yield Buffer.from(`${++read}\n`);
    })();
    await expect(readLines(endless, { bytes: 1e6, lines: 10 })).rejects.toMatchObject({
      code: 'request_too_large',
      details: { limitLines: 10 },
    });
    expect(read).toBeLessThan(20);
    await expect(readLines(inPieces('x'.repeat(11)), { bytes: 10, lines: 10 })).rejects.toMatchObject({
      details: { limitBytes: 10 },
    });
  });
});

describe('lines are checked', () => {
  const check = async (text: string, accept: (line: { text: string }) => void = () => undefined) => {
    const lines = await readLines(inPieces(text), ROOM);
    await checkLines(lines, accept);
    return lines.map(parseLine);
  };
  const linesOf = async (work: Promise<unknown>) => {
    const error = await work.then(
      () => undefined,
      (thrown: CodedError) => thrown,
    );
    expect(error?.code).toBe('request_invalid');
    return error!.details!.lines as { line: number; fields: { field: string; problem: string }[] }[];
  };

  it('and have the defaults of a task', async () => {
    expect(await check('{"text":"a","ref":"one"}')).toMatchObject([{ text: 'a', ref: 'one', priority: 0 }]);
  });

  it('and the wrong ones are named with number and field, and without a value', async () => {
    const wrong = await linesOf(
      check('{"text":"a"}\n{"txt":"secret words"}\nnot json\n{"text":"","priority":1e9}\n"a"'),
    );
    expect(wrong.map(({ line, fields }) => [line, fields.map(({ field }) => field)])).toEqual([
      [2, ['text', 'txt']],
      [3, ['(line)']],
      [4, ['text', 'priority']],
      [5, ['(line)']],
    ]);
    expect(JSON.stringify(wrong)).not.toContain('secret words');
  });

  it('and twenty at most are named', async () => {
    expect(await linesOf(check('{}\n'.repeat(50)))).toHaveLength(20);
  });

  it('and what a single task would be refused for is said of the line', async () => {
    const refusing = check('{"text":"a"}\n{"text":"b"}', ({ text }) => {
      if (text === 'b') throw new CodedError('image_invalid', { field: 'images.0', reason: 'no image' });
    });
    expect(await linesOf(refusing)).toMatchObject([{ line: 2, fields: [{ field: 'images.0' }] }]);
  });

  it('and there must be one', async () => {
    await expect(check(' \n')).rejects.toMatchObject({ details: { reason: 'there is no line in it' } });
  });

  it('and must be UTF-8', async () => {
    const lines = await readLines(inPieces('x'), ROOM);
    const odd = [{ ...lines[0]!, bytes: Buffer.from([0x22, 0xff, 0x22]) }];
    expect(await linesOf(checkLines(odd, () => undefined))).toMatchObject([
      { fields: [{ problem: 'not UTF-8' }] },
    ]);
  });
});

describe('work in parallel', () => {
  it('is so much at once and in the order of the items, and has ended when it fails', async () => {
    let open = 0;
    let most = 0;
    const work = async (item: number): Promise<number> => {
      most = Math.max(most, ++open);
      await new Promise(setImmediate);
      open--;
      if (item === 7) throw new Error('seven');
      return item * 2;
    };
    expect(await inParallel([1, 2, 3, 4, 5], 2, work)).toEqual([2, 4, 6, 8, 10]);
    expect(most).toBe(2);
    await expect(inParallel([6, 7, 8, 9, 10, 11], 2, work)).rejects.toThrow('seven');
    expect(open).toBe(0);
  });
});
