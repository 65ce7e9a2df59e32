import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { LedgerEntry } from '../../../orchestrator/store/ledger-store.ts';
import type { Subject } from './subject.ts';

const NOTHING = {
  requests: 0,
  inputTokens: 0,
  cachedTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  totalTokens: 0,
};

export function ledgerContract(subject: () => Subject): void {
  const entry = (changes: Partial<LedgerEntry> = {}): LedgerEntry => {
    const { organisation, claw, key } = subject().tenant;
    return {
      callId: randomUUID(),
      organisation,
      claw: claw.id,
      task: 'task_1',
      key: key.id,
      model: 'gpt-test',
      requests: 1,
      inputTokens: 10,
      cachedTokens: 2,
      outputTokens: 5,
      reasoningTokens: 1,
      totalTokens: 15,
      ...changes,
    };
  };

  describe('the ledger', () => {
    it('adds up by task, Claw and key', async () => {
      const { store, tenant } = subject();
      const { organisation, claw, key } = tenant;
      await store.ledger.record(entry());
      await store.ledger.record(entry({ totalTokens: 2 ** 40 }));
      await store.ledger.record(entry({ task: 'task_2', claw: 'claw_2' }));
      const long = new Date(0);
      expect(await store.ledger.ofTask(organisation, 'task_1')).toEqual({
        requests: 2,
        inputTokens: 20,
        cachedTokens: 4,
        outputTokens: 10,
        reasoningTokens: 2,
        totalTokens: 2 ** 40 + 15,
      });
      expect(await store.ledger.ofClaw(organisation, claw.id, long)).toMatchObject({ requests: 2 });
      expect(await store.ledger.ofKey(organisation, key.id, long)).toMatchObject({ requests: 3 });
      expect(await store.ledger.ofClaw(organisation, claw.id, new Date(Date.now() + 60_000))).toEqual(
        NOTHING,
      );
      expect(await store.ledger.ofTask('org_other', 'task_1')).toEqual(NOTHING);
    });

    it('counts a call once, however often and from wherever it is recorded', async () => {
      const { store, other, tenant } = subject();
      const call = entry();
      const recorded = await Promise.all(
        [store, other, store, other].map((each) => each.ledger.record(call)),
      );
      expect(recorded.filter(Boolean)).toHaveLength(1);
      expect(await store.ledger.record({ ...call, totalTokens: 99 })).toBe(false);
      expect(await store.ledger.ofTask(tenant.organisation, 'task_1')).toMatchObject({
        requests: 1,
        totalTokens: 15,
      });
    });
  });
}
