import { describe, expect, it } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import type { ToCage } from '#protocol/link-messages.ts';
import type { TaskEvent } from '#protocol/live.ts';
import { FunctionDesk } from '../../../orchestrator/launch/function-desk.ts';

const call = (callId: string) =>
  ({
    type: 'function_call',
    taskId: 't',
    epoch: 1,
    callId,
    name: 'f',
    arguments: '{}',
    waitMs: 1000,
  }) as const;

function desk() {
  const sent: ToCage[] = [];
  const events: TaskEvent[] = [];
  const waiting: boolean[] = [];
  const taken: PromiseWithResolvers<void>[] = [];
  const functions = new FunctionDesk({
    deliver: (message) => {
      sent.push(message);
      const one = Promise.withResolvers<void>();
      taken.push(one);
      return one.promise;
    },
    publish: async (event) => void events.push(event),
    onWaiting: (is) => waiting.push(is),
  });
  return { functions, sent, events, waiting, taken };
}
const answered = expect.objectContaining({ code: 'function_call_answered' });

describe("calls of a caller's functions", () => {
  it('that are asked again while they wait are told once', () => {
    const { functions, events } = desk();
    void functions.ask(call('a'));
    void functions.ask(call('a'));
    expect(functions.waiting().map(({ id }) => id)).toEqual(['a']);
    expect(events).toHaveLength(1);
  });

  it('are no more at once than a sound cage asks', async () => {
    const { functions } = desk();
    const many = Array.from({ length: 1000 }, (_, index) => functions.ask(call(`call ${index}`)));
    await expect(Promise.all(many)).rejects.toMatchObject({ code: 'link_message_unknown' });
    expect(functions.waiting()).toHaveLength(64);
  });

  it('are answered when the cage has the answer, by the first who answers', async () => {
    const { functions, events, waiting, taken } = desk();
    void functions.ask(call('a'));
    const first = functions.answer('a', { ok: true, output: '1' });
    await expect(functions.answer('a', { ok: true, output: '2' })).rejects.toEqual(answered);
    expect(functions.waiting()).toEqual([]);
    expect(waiting).toEqual([true]);
    taken[0]!.resolve();
    await first;
    expect(waiting).toEqual([true, false]);
    expect(events.at(-1)).toEqual({ kind: 'function_result', call: 'a', ok: true });
    await expect(functions.answer('a', { ok: true, output: '3' })).rejects.toEqual(answered);
    void functions.ask(call('a'));
    expect(functions.waiting()).toEqual([]);
  });

  it('whose answer could not be delivered still wait', async () => {
    const { functions, taken } = desk();
    void functions.ask(call('a'));
    const first = functions.answer('a', { ok: true, output: '1' });
    taken[0]!.reject(new CodedError('link_closed'));
    await expect(first).rejects.toMatchObject({ code: 'link_closed' });
    expect(functions.waiting()).toHaveLength(1);
  });

  it('that are over take no answer, unknown ones neither, nor one that no message can hold', async () => {
    const { functions, events } = desk();
    void functions.ask(call('a'));
    void functions.over('a');
    expect(events.at(-1)).toEqual({ kind: 'function_result', call: 'a', ok: false });
    await expect(functions.answer('a', { ok: true, output: '' })).rejects.toEqual(answered);
    await expect(functions.answer('b', { ok: true, output: '' })).rejects.toMatchObject({
      code: 'not_found',
    });
    void functions.ask(call('c'));
    await expect(functions.answer('c', { ok: true, output: '\0'.repeat(500_000) })).rejects.toMatchObject({
      code: 'request_too_large',
    });
    expect(functions.waiting()).toHaveLength(1);
  });

  it('that an earlier controller was told of are over for those who watch, too, and once', async () => {
    const { functions, events } = desk();
    await functions.over('before');
    await functions.over('before');
    expect(events).toEqual([{ kind: 'function_result', call: 'before', ok: false }]);
  });

  it('whose time was over when the answer reached the cage tell the caller so', async () => {
    const { functions, taken, events } = desk();
    void functions.ask(call('a'));
    const answer = functions.answer('a', { ok: true, output: 'late' });
    void functions.over('a');
    taken[0]!.resolve();
    await expect(answer).rejects.toEqual(answered);
    expect(events.at(-1)).toEqual({ kind: 'function_result', call: 'a', ok: false });
  });
});
