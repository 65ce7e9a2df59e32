import { describe, expect, it } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { FINAL_STATES } from '#task/state.ts';
import { Vault } from '#vault/vault.ts';
import type { PeerQuestion } from '../../../orchestrator/peers/messages.ts';
import { FunctionService } from '../../../orchestrator/tasks/function-service.ts';
import { MemoryKeks, MemoryShreddingKeys } from '../../support/memory-keys.ts';

const vault = new Vault({ keks: new MemoryKeks(), shredding: new MemoryShreddingKeys() });
const ANSWER = { ok: true, output: 'the answer' };

type Desk = { waiting(): unknown[]; answer(call: string, result: object): Promise<void> };

/** An orchestrator that has the attempt where there is a desk, and asks `other` where another has it. */
function orchestrator(
  name: string,
  row: object,
  desk?: Desk,
  other?: (question: PeerQuestion) => Promise<string | undefined>,
) {
  const asked: string[] = [];
  const service = new FunctionService({
    tasks: { byId: async () => ({ organisation: 'o', id: 't', holder: null, ...row }) as never },
    runs: { get: () => desk && ({ attempt: { organisation: 'o' }, functions: desk } as never) },
    vault,
    peers: {
      ask: async (to, question) => {
        asked.push(`${to} ${JSON.stringify(question)}`);
        return other?.(question);
      },
    },
    self: () => name,
  });
  return { service, asked };
}

describe("an answer to a caller's function", () => {
  it('for a task that nobody has is told what to do next by the state of the task', async () => {
    for (const [state, code] of [
      ['running', 'link_closed'],
      ['succeeded', 'function_call_answered'],
      ['queued', 'not_found'],
    ] as const) {
      const { service } = orchestrator('a', { state });
      await expect(service.answer('o', 't', 'c', ANSWER), state).rejects.toMatchObject({ code });
    }
  });

  it('reaches the orchestrator that has the attempt, sealed on the way, and what it says of it comes back', async () => {
    await vault.sealContent({ organisation: 'o', task: 't', kind: 'input' }, Buffer.from('x'));
    const row = { state: 'running', holder: 'b' };
    const taken: unknown[] = [];
    const calls = [
      {
        id: 'c',
        task: 't',
        name: 'f',
        arguments: 'private words',
        askedAt: '2026-01-01T00:00:00.000Z',
        deadline: '2026-01-01T00:05:00.000Z',
      },
    ];
    const holder = orchestrator('b', row, {
      waiting: () => calls,
      answer: async (call, result) => {
        if (taken.push([call, result]) > 1) throw new CodedError('function_call_answered', { call });
      },
    });
    const sealed: (string | undefined)[] = [];
    const here = orchestrator('a', row, undefined, async (question) => {
      const answer = await holder.service.answerPeer(question);
      sealed.push(answer);
      return answer;
    });
    expect(await here.service.calls('o', 't')).toEqual(calls);
    await here.service.answer('o', 't', 'c', ANSWER);
    expect(taken).toEqual([['c', ANSWER]]);
    await expect(here.service.answer('o', 't', 'c', ANSWER)).rejects.toMatchObject({
      code: 'function_call_answered',
    });
    expect(here.asked.every((line) => line.startsWith('b '))).toBe(true);
    expect(`${here.asked.join()}${sealed.join()}`).not.toMatch(/the answer|private/);
  });

  it('is waited for by no task that has ended, whoever had it last: nobody is asked', async () => {
    for (const state of FINAL_STATES) {
      const gone = async () => {
        throw new CodedError('peer_silent');
      };
      const { service, asked } = orchestrator('a', { state, holder: 'b' }, undefined, gone);
      expect(await service.calls('o', 't'), state).toEqual([]);
      expect(asked).toEqual([]);
    }
  });

  it('is told that the link is away by one that has the attempt no longer', async () => {
    const { service } = orchestrator('b', { state: 'running', holder: 'b' });
    const question = { kind: 'function_calls', organisation: 'o', task: 't' } as const;
    await expect(service.answerPeer(question)).rejects.toMatchObject({ code: 'link_closed' });
    await expect(service.answer('o', 't', 'c', ANSWER)).rejects.toMatchObject({ code: 'link_closed' });
  });
});
