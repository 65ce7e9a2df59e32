import { beforeEach, describe, expect, it } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { Words, type Word } from '../../../orchestrator/limiter/words.ts';

const FORGET: Word = { script: 'forget', args: [] };

describe('words that Redis could not hear', () => {
  let asked: string[];
  let refuses: (key: string) => boolean;
  let words: Words;

  beforeEach(async () => {
    refuses = () => true;
    words = new Words({
      run: async (script, [key = '']) => {
        asked.push(script === 'forget' ? key : `${script} ${key}`);
        if (refuses(key)) throw new CodedError('limiter_unavailable');
      },
    });
    asked = [];
    for (const key of ['a', 'b', 'c']) await words.tell(key, FORGET);
    asked = [];
  });

  it('are told in order once it hears, and then no more', async () => {
    refuses = () => false;
    await words.tellUnheard();
    await words.tellUnheard();
    expect(asked).toEqual(['a', 'b', 'c']);
  });

  it('cost one question while it hears none, and are told by one at a time', async () => {
    await Promise.all([words.tellUnheard(), words.tellUnheard()]);
    expect(asked).toEqual(['a']);
  });

  it('are not held up by one that it never takes', async () => {
    refuses = (key) => key === 'a';
    await words.tellUnheard();
    await words.tellUnheard();
    expect(asked).toEqual(['a', 'b', 'c', 'a']);
  });

  it('are told again to other books, with what was heard otherwise, but only the newest of each', async () => {
    refuses = () => false;
    await words.tellUnheard();
    words.told('d', FORGET);
    await words.tell('a', FORGET);
    refuses = () => true;
    await words.tell('b', { script: 'settle', args: [] });
    asked = [];
    words.tellAgain();
    words.tellAgain();
    refuses = () => false;
    await words.tellUnheard();
    await words.tellUnheard();
    expect(asked.toSorted()).toEqual(['a', 'c', 'd', 'settle b']);
  });

  it('are not told where they are out of date', async () => {
    refuses = () => false;
    words.drop('b');
    await words.tellUnheard();
    expect(asked).toEqual(['a', 'c']);
  });
});
