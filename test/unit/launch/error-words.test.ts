import { describe, expect, it } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { joinWords, splitWords } from '../../../orchestrator/launch/error-words.ts';

describe('an error that a cage reported', () => {
  it('leaves numbers and truth values to the row, and keeps its words apart', () => {
    const body = new CodedError('provider_failed', {
      status: 400,
      stream: true,
      providerMessage: 'I cannot take "my secret prompt"',
      errors: ['/secret type'],
    }).toBody();
    const { error, words } = splitWords(body);
    expect(error).toEqual({
      code: 'provider_failed',
      message: body.message,
      details: { status: 400, stream: true },
    });
    expect(JSON.stringify(error)).not.toContain('secret');
    expect(joinWords(error, words!)).toEqual(body);
  });

  it('without details has no words', () => {
    const body = new CodedError('agent_step_limit').toBody();
    expect(splitWords(body)).toEqual({ error: body, words: undefined });
  });
});
