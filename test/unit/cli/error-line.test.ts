import pc from 'picocolors';
import { expect, it } from 'vitest';
import { errorLine, failure, refusal } from '../../../cli/failure.ts';

const plain = pc.createColors(false);

it('says code, message, details and request id in one line', () => {
  const refused = refusal(400, {
    error: {
      code: 'request_invalid',
      message: 'Not valid.',
      details: { fields: [{ field: 'name', problem: 'too long' }] },
      requestId: 'req_1',
    },
  });
  expect(errorLine(refused, plain)).toBe(
    'error[request_invalid]: Not valid. (fields: name: too long) · request req_1',
  );
});

it('leaves out what is not there', () => {
  expect(errorLine({ code: 'x', message: 'Y.' }, plain)).toBe('error[x]: Y.');
});

it('does not let a quoted answer steer the terminal', () => {
  const line = errorLine(failure('provider_failed', { said: 'a\x1b[2Jb\nc' }), plain);
  expect(line).not.toMatch(/\p{Cc}/u);
  expect(line).toContain('said: a [2Jb c');
});
