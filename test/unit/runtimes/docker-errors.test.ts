import { expect, test } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { toRuntimeError } from '../../../orchestrator/runtimes/docker/errors.ts';

const answered = (statusCode: number, message: string): Error =>
  Object.assign(new Error(`(HTTP code ${statusCode}) - ${message}`), { statusCode, json: { message } });
const broken = (code: string): Error => Object.assign(new Error(code), { code });

test.each([
  [broken('ECONNREFUSED'), 'runtime_unavailable', 'retryable'],
  [broken('ENOENT'), 'runtime_unavailable', 'retryable'],
  [broken('EACCES'), 'runtime_unavailable', 'retryable'],
  [broken('ECONNRESET'), 'runtime_lost', 'unknown'],
  [broken('EPIPE'), 'runtime_lost', 'unknown'],
  [answered(404, 'No such image: cage:1'), 'image_missing', 'final'],
  [answered(404, 'No such container: x'), 'cage_not_found', 'final'],
  [answered(400, 'Minimum memory limit allowed is 6MB'), 'runtime_refused', 'final'],
  [answered(409, 'conflict'), 'runtime_refused', 'final'],
  [answered(503, 'starting'), 'runtime_unavailable', 'retryable'],
  [new Error('a mistake of ours'), 'internal', 'unknown'],
  [undefined, 'internal', 'unknown'],
])('%s becomes %s, which is %s', (error, code, verdict) => {
  expect(toRuntimeError(error, {})).toMatchObject({ code, verdict });
});

test('a coded error stays as it is', () => {
  const coded = new CodedError('cage_foreign');
  expect(toRuntimeError(coded, { what: 'inspect' })).toBe(coded);
});

test("the engine's own words and what was asked go along", () => {
  const refused = toRuntimeError(answered(400, 'Minimum memory limit allowed is 6MB'), {
    what: 'create',
    cageId: 'c1',
  });
  expect(refused.details).toEqual({
    what: 'create',
    cageId: 'c1',
    status: 400,
    reason: 'Minimum memory limit allowed is 6MB',
  });
});
