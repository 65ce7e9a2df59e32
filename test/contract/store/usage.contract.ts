import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { LedgerEntry } from '../../../orchestrator/store/ledger-store.ts';
import type { UsageQuery } from '../../../orchestrator/store/usage-query.ts';
import type { Subject } from './subject.ts';

export function usageContract(subject: () => Subject): void {
  const call = (at: string, changes: Partial<LedgerEntry> = {}) => {
    const { store, tenant } = subject();
    const entry: LedgerEntry = {
      callId: randomUUID(),
      organisation: tenant.organisation,
      claw: tenant.claw.id,
      task: 'task_1',
      key: tenant.key.id,
      model: 'gpt-test',
      requests: 1,
      inputTokens: 10,
      cachedTokens: 2,
      outputTokens: 5,
      reasoningTokens: 1,
      totalTokens: 15,
      ...changes,
    };
    return store.ledger.record(entry, new Date(at));
  };
  const ask = (changes: Partial<UsageQuery>) => {
    const { store, tenant } = subject();
    const query: UsageQuery = {
      since: new Date('2026-01-01T00:00:00Z'),
      until: new Date('2027-01-01T00:00:00Z'),
      by: 'hour',
      group: 'none',
      timeZone: 'UTC',
      ...changes,
    };
    return store.ledger.byPeriod(tenant.organisation, query, { limit: 100 });
  };
  const short = (rows: Awaited<ReturnType<typeof ask>>) =>
    rows.map(({ from, to, label, usage }) =>
      [from.toISOString(), to.toISOString(), label, usage.requests].join(' '),
    );

  describe('usage by period', () => {
    it('counts what lies from since on and before until, and leaves out periods without a call', async () => {
      await call('2026-03-01T09:59:59.999Z');
      await call('2026-03-01T10:00:00Z');
      await call('2026-03-01T10:59:59Z');
      await call('2026-03-01T12:00:00Z');
      const window = { since: new Date('2026-03-01T10:00:00Z'), until: new Date('2026-03-01T12:00:00Z') };
      expect(short(await ask(window))).toEqual(['2026-03-01T10:00:00.000Z 2026-03-01T11:00:00.000Z  2']);
      expect(short(await ask({ by: 'minute' }))).toHaveLength(4);
      expect(short(await ask({ ...window, by: 'all' }))).toEqual([
        '2026-03-01T10:00:00.000Z 2026-03-01T12:00:00.000Z  2',
      ]);
    });

    it('makes two hours of the one that comes twice when summer ends, and a day of 25', async () => {
      await call('2026-10-24T22:30:00Z');
      await call('2026-10-25T00:30:00Z');
      await call('2026-10-25T01:30:00Z');
      await call('2026-10-25T22:30:00Z');
      const berlin = { timeZone: 'Europe/Berlin' };
      expect(short(await ask(berlin))).toEqual([
        '2026-10-24T22:00:00.000Z 2026-10-24T23:00:00.000Z  1',
        '2026-10-25T00:00:00.000Z 2026-10-25T01:00:00.000Z  1',
        '2026-10-25T01:00:00.000Z 2026-10-25T02:00:00.000Z  1',
        '2026-10-25T22:00:00.000Z 2026-10-25T23:00:00.000Z  1',
      ]);
      expect(short(await ask({ ...berlin, by: 'day' }))).toEqual([
        '2026-10-24T22:00:00.000Z 2026-10-25T23:00:00.000Z  4',
      ]);
    });

    it('has a day of 23 hours when summer begins', async () => {
      await call('2026-03-28T22:59:00Z');
      await call('2026-03-28T23:00:00Z');
      await call('2026-03-29T21:59:00Z');
      await call('2026-03-29T22:00:00Z');
      expect(short(await ask({ timeZone: 'Europe/Berlin', by: 'day' }))).toEqual([
        '2026-03-27T23:00:00.000Z 2026-03-28T23:00:00.000Z  1',
        '2026-03-28T23:00:00.000Z 2026-03-29T22:00:00.000Z  2',
        '2026-03-29T22:00:00.000Z 2026-03-30T22:00:00.000Z  1',
      ]);
    });

    it('begins hours and days at half past where the zone does', async () => {
      await call('2026-05-01T18:29:59Z');
      await call('2026-05-01T18:30:00Z');
      const kolkata = { timeZone: 'Asia/Kolkata' };
      expect(short(await ask(kolkata))).toEqual([
        '2026-05-01T17:30:00.000Z 2026-05-01T18:30:00.000Z  1',
        '2026-05-01T18:30:00.000Z 2026-05-01T19:30:00.000Z  1',
      ]);
      expect(short(await ask({ ...kolkata, by: 'day' }))).toEqual([
        '2026-04-30T18:30:00.000Z 2026-05-01T18:30:00.000Z  1',
        '2026-05-01T18:30:00.000Z 2026-05-02T18:30:00.000Z  1',
      ]);
    });

    it('is grouped and filtered by Claw, key, model, task and operation', async () => {
      const { tenant } = subject();
      const other = await tenant.addClaw('other');
      await call('2026-03-01T10:00:00Z', { operation: 'embeddings', model: 'emb' });
      await call('2026-03-01T10:01:00Z', { claw: other.id, task: 'task_2' });
      await call('2026-03-01T10:02:00Z', { claw: other.id, task: 'task_2' });
      const labels = async (changes: Partial<UsageQuery>) =>
        (await ask({ by: 'all', ...changes })).map(({ label, usage }) => `${label} ${usage.requests}`);
      expect(await labels({ group: 'claw' })).toEqual(['other 2', 'worker 1']);
      expect(await labels({ group: 'key' })).toEqual(['main 3']);
      expect(await labels({ group: 'model' })).toEqual(['emb 1', 'gpt-test 2']);
      expect(await labels({ group: 'task' })).toEqual(['task_1 1', 'task_2 2']);
      expect(await labels({ group: 'operation' })).toEqual(['chat 2', 'embeddings 1']);
      expect(await labels({ claw: 'other' })).toEqual([' 2']);
      expect(await labels({ claw: other.id, model: 'emb' })).toEqual([]);
      expect(await labels({ key: 'main', task: 'task_1' })).toEqual([' 1']);
    });

    it('still has the name of a Claw that was deleted', async () => {
      const { store, tenant } = subject();
      await call('2026-03-01T10:00:00Z');
      await store.claws.delete(tenant.organisation, tenant.claw.id);
      expect((await ask({ claw: 'worker', group: 'claw' })).map(({ label }) => label)).toEqual(['worker']);
    });

    it('comes in pages that neither repeat nor leave out, with the sum of all beside them', async () => {
      const { store, tenant } = subject();
      for (const model of ['a', 'b', 'B'])
        for (const hour of ['10', '11'])
          await call(`2026-03-01T${hour}:00:00Z`, { model, totalTokens: 2 ** 40 });
      const query: UsageQuery = {
        since: new Date(0),
        until: new Date('2027-01-01T00:00:00Z'),
        by: 'hour',
        group: 'model',
        timeZone: 'UTC',
      };
      const seen: string[] = [];
      let after: { from: number; label: string } | undefined;
      for (;;) {
        const rows = await store.ledger.byPeriod(tenant.organisation, query, { after, limit: 2 });
        seen.push(...rows.map(({ from, label }) => `${from.getUTCHours()}${label}`));
        const last = rows.at(-1);
        if (!last) break;
        after = { from: last.from.getTime(), label: last.label };
      }
      expect(seen).toEqual(['10B', '10a', '10b', '11B', '11a', '11b']);
      expect(await store.ledger.inAll(tenant.organisation, query)).toMatchObject({
        requests: 6,
        totalTokens: 6 * 2 ** 40,
      });
      expect(await store.ledger.inAll('org_other', query)).toMatchObject({ requests: 0 });
    });
  });
}
