import { describe, expect, it } from 'vitest';
import { EXIT, exitCodeOfError, exitCodeOfState } from '../../../cli/exit-codes.ts';
import { failure } from '../../../cli/failure.ts';

describe('exit codes', () => {
  it.each([
    ['request_invalid', EXIT.usage],
    ['usage_invalid', EXIT.usage],
    ['image_missing', EXIT.notSetUp],
    ['runtime_unavailable', EXIT.notSetUp],
    ['server_unreachable', EXIT.unreachable],
    ['not_ready', EXIT.unreachable],
    ['not_authenticated', EXIT.refused],
    ['not_found', EXIT.refused],
    ['name_taken', EXIT.refused],
    ['key_rejected', EXIT.refused],
    ['key_unverified', EXIT.refused],
    ['limit_exceeded', EXIT.refused],
    ['task_timed_out', EXIT.timedOut],
    ['internal', EXIT.taskFailed],
  ] as const)('%s ends with %i', (code, exit) => expect(failure(code).exitCode).toBe(exit));

  it('goes by the status where a newer service sends a code that this one does not know', () => {
    expect(exitCodeOfError('quota_unknown', 429)).toBe(EXIT.refused);
    expect(exitCodeOfError('quota_unknown', 400)).toBe(EXIT.usage);
    expect(exitCodeOfError('quota_unknown', 500)).toBe(EXIT.taskFailed);
  });

  it('tells the ends of a task apart', () => {
    const codes = (['succeeded', 'failed', 'timed_out', 'cancelled'] as const).map(exitCodeOfState);
    expect(codes).toEqual([0, 1, 6, 130]);
  });
});
