import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KeyRedactor } from '../../../cage-image/meter/redact.ts';

const KEY = 'sk-abcabc-abcabd';

function through(key: string, chunks: readonly string[]): string {
  const redactor = new KeyRedactor(Buffer.from(key));
  return Buffer.concat([
    ...chunks.map((chunk) => redactor.push(Buffer.from(chunk))),
    redactor.end(),
  ]).toString();
}

/** Cuts a text at these places. */
const cut = (text: string, places: readonly number[]): string[] => {
  const at = [...new Set([0, ...places.map((place) => place % (text.length + 1)), text.length])].toSorted(
    (a, b) => a - b,
  );
  return at.slice(1).map((end, index) => text.slice(at[index], end));
};

describe('the redactor', () => {
  test('takes the key out wherever the stream is cut, and changes nothing else', () => {
    const piece = fc.oneof(
      fc.constant(KEY),
      fc.constantFrom('sk-', 'sk-abc', 'sk-abcabc-abcab', 'x', '\n\n', KEY.slice(3)),
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 12 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        (pieces, places) => {
          const text = pieces.join('');
          expect(through(KEY, cut(text, places))).toBe(text.replaceAll(KEY, '[redacted]'));
        },
      ),
    );
  });

  test('holds back no more than what may be the beginning of the key', () => {
    const redactor = new KeyRedactor(Buffer.from(KEY));
    expect(redactor.push(Buffer.from('data: hello\n\n')).toString()).toBe('data: hello\n\n');
    expect(redactor.push(Buffer.from('the key is sk-ab')).toString()).toBe('the key is ');
    expect(redactor.push(Buffer.from('solutely not')).toString()).toBe('sk-absolutely not');
  });

  test('finds a key with characters that JSON escapes in its escaped form too', () => {
    const key = 'local"key\\1';
    expect(through(key, [JSON.stringify({ error: `wrong key ${key}` }), ` and ${key}`])).toBe(
      '{"error":"wrong key [redacted]"} and [redacted]',
    );
  });

  test('cleans a header', () => {
    expect(new KeyRedactor(Buffer.from(KEY)).text(`Bearer ${KEY}`)).toBe('Bearer [redacted]');
  });
});

test('what is not text keeps its length', () => {
  const redactor = new KeyRedactor(Buffer.from(KEY), false);
  const bytes = Buffer.concat([Buffer.from([0, 255]), Buffer.from(KEY), Buffer.from([1, 254])]);
  const out = Buffer.concat([
    redactor.push(bytes.subarray(0, 7)),
    redactor.push(bytes.subarray(7)),
    redactor.end(),
  ]);
  expect(out.length).toBe(bytes.length);
  expect(out.includes(KEY)).toBe(false);
  expect([out.at(0), out.at(-1)]).toEqual([0, 254]);
});

describe('a key with its middle masked', () => {
  const LONG = 'sk-proj-Zq81kTTwx0Qv9LmNr4abab';

  test.each([
    [
      'Incorrect API key provided: sk-proj-**********************abab. You can find',
      '[redacted]. You can find',
    ],
    ['Incorrect API key provided: sk-p...9LmNr4abab', '[redacted]'],
    ['Incorrect API key provided: sk-p\u2026abab"', '[redacted]"'],
    ['Incorrect API key provided: sk-p\\u2026abab"', '[redacted]"'],
    ['Incorrect API key provided: sk-p\u2022\u2022\u2022\u2022ab', '[redacted]'],
  ])('is taken out: %s', (text, rest) => {
    const clean = text.replace(/sk-.*/, rest);
    expect(through(LONG, [text])).toBe(clean);
    expect(through(LONG, [...text])).toBe(clean);
    expect(new KeyRedactor(Buffer.from(LONG)).text(text)).toBe(clean);
  });

  test.each([
    'OPENAI_API_KEY=sk-proj-...',
    'sk-...',
    'sk-...other',
    'risk... abab',
    `sk${'.'.repeat(5000)}abab`,
  ])('is not seen where only the form of keys is shown: %s', (text) => {
    expect(through(LONG, [text])).toBe(text);
    expect(through(LONG, [...text])).toBe(text);
  });

  test('is found wherever the stream is cut', () => {
    const piece = fc.constantFrom(
      'sk-proj-',
      'sk-',
      'sk',
      '****',
      '..',
      '\u2026',
      'abab',
      'ab',
      'r4abab',
      'x',
      LONG,
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 12 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        (pieces, places) => {
          const text = pieces.join('');
          expect(through(LONG, cut(text, places))).toBe(through(LONG, [text]));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test('keeps its length in what is not text', () => {
    const redactor = new KeyRedactor(Buffer.from(LONG), false);
    const out = Buffer.concat([redactor.push(Buffer.from('sk-proj-****abab')), redactor.end()]).toString();
    expect(out).toBe('*'.repeat(16));
  });
});
