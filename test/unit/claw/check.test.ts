import { describe, expect, it } from 'vitest';
import { assertClaw } from '#claw/check.ts';

const settings = {
  name: 'worker',
  model: 'gpt-5',
  key: 'key_1',
  instructions: 'Line one.\n\tLine two.',
  requestsPerMinute: 10,
  tokensPerMinute: null,
  maxSteps: 50,
  concurrency: 2,
  timeoutMs: 60_000,
};

describe('what a Claw may be', () => {
  it('lets ordinary settings, parts of them through', () => {
    assertClaw(settings);
    assertClaw({});
    assertClaw({ model: 'org/model:latest' });
  });

  it.each([
    [{ model: ' gpt-5' }, ['model']],
    [{ model: 'gpt\n5' }, ['model']],
    [{ instructions: 'a\0b' }, ['instructions']],
    [{ model: 'x\0', instructions: '\0' }, ['model', 'instructions']],
  ])('names every field that is wrong in %j', (change, fields) => {
    let thrown: unknown;
    try {
      assertClaw({ ...settings, ...change });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({
      code: 'request_invalid',
      details: { fields: fields.map((field) => ({ field })) },
    });
  });
});
