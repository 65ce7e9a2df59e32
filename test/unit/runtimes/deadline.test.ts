import { expect, test } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { withDeadline } from '../../../orchestrator/runtimes/deadline.ts';

const forever = () => new Promise<never>(() => undefined);

test('what ends in time passes its result and its error', async () => {
  expect(await withDeadline('ask', 1_000, undefined, async () => 7)).toBe(7);
  await expect(
    withDeadline('ask', 1_000, undefined, async () => Promise.reject(new Error('its own'))),
  ).rejects.toThrow('its own');
});

test('what takes too long fails with its name and its time, even where it heeds no signal', async () => {
  await expect(withDeadline('ask', 5, undefined, forever)).rejects.toMatchObject({
    code: 'runtime_timeout',
    verdict: 'unknown',
    details: { what: 'ask', ms: 5 },
  });
});

test('what takes too long is told to stop', async () => {
  let told: AbortSignal | undefined;
  await withDeadline('ask', 5, undefined, (signal) => ((told = signal), forever())).catch(() => undefined);
  expect(told?.aborted).toBe(true);
});

test('an abort ends it at once, with the code that the caller gave', async () => {
  const given = new AbortController();
  const call = withDeadline('ask', 60_000, given.signal, forever);
  given.abort(new CodedError('task_cancelled'));
  await expect(call).rejects.toMatchObject({ code: 'task_cancelled' });
});

test('an abort without a code has one, and keeps the reason as its cause', async () => {
  const reason = new Error('why');
  await expect(withDeadline('ask', 60_000, AbortSignal.abort(reason), forever)).rejects.toMatchObject({
    code: 'runtime_aborted',
    cause: reason,
  });
});
