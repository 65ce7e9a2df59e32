import { describe, expect, it } from 'vitest';
import { parseScript, withoutScript } from '../../../provider-sim/model/script.ts';

const verbs = (text: string) => parseScript(text)?.map((call) => call.map(({ verb }) => verb));

describe('a script', () => {
  it('is not seen in text without a known step, whatever else starts with @', () => {
    expect(parseScript('Write to\n@anna and bob@say.example about @say')).toBeUndefined();
  });

  it('ends a call at each tool and answer, and joins to it what is said before', () => {
    expect(verbs('Go:\n@wait 1s\n@say a\n@tool shell {"command":"ls"}\n@say b\n@say c')).toEqual([
      ['wait', 'say', 'tool'],
      ['say', 'say'],
    ]);
    expect(verbs('@answer a\n@answer b')).toEqual([['say'], ['say']]);
  });

  it('calls tools one after the other with @tool, at once with @also', () => {
    expect(verbs('@tool a\n@also b {"x":1}\n@tool c')).toEqual([['tool', 'tool'], ['tool']]);
  });

  it('repeats a step as if it were written out', () => {
    expect(parseScript('@repeat 3 @tool shell {"command":"date"}\n@say done')).toHaveLength(4);
  });

  it('reads units, rates and how far a fault reaches', () => {
    expect(
      parseScript(
        '@wait 250ms\n@stream 10 tokens at 2.5/s\n@fail 429 retry-after 1.5 times 2\n@cut after 3 tokens',
      ),
    ).toEqual([
      [
        { verb: 'wait', ms: 250 },
        { verb: 'filler', tokens: 10, perSecond: 2.5 },
        {
          verb: 'fail',
          status: 429,
          retryAfterSeconds: 1.5,
          echoKey: false,
          times: 2,
          afterTokens: undefined,
        },
        { verb: 'cut', times: Infinity, afterTokens: 3 },
      ],
    ]);
  });

  it.each([
    '@say a\n@sya b',
    '@wait soon',
    '@tool shell {oops}',
    '@fail 200',
    '@stream 999999 tokens',
    '@repeat 5000 @say a',
    '@pace 0/s',
    '@say a\n@constructor',
  ])('is refused with 400 where it is wrong: %j', (text) => {
    expect(() => parseScript(text)).toThrow(expect.objectContaining({ status: 400 }) as Error);
  });

  it('can be taken out of its message', () => {
    expect(withoutScript('Count this.\n@say 3\nThanks')).toBe('Count this.\nThanks');
  });
});
