import { describe, expect, it } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import type { FromCage } from '#protocol/link-messages.ts';
import { LinkInbox } from '#protocol/link-inbox.ts';
import { LiveCage } from '../../../orchestrator/launch/live-cage.ts';
import { TaskRun, type Outcome } from '../../../orchestrator/launch/task-run.ts';

/** An attempt in a cage whose messages go through a real inbox; `acting` holds back the store's answer that the agent acted. */
function runWith({ acting = Promise.resolve() }: { acting?: Promise<void> } = {}) {
  const said: string[] = [];
  const outcomes: Outcome[] = [];
  const cage = new LiveCage('cage_1', 1, new Date());
  const inbox = new LinkInbox<FromCage>(0, {
    handle: (message, at) => cage.receive(message, at),
    handled: () => undefined,
    failed: () => undefined,
    congested: () => undefined,
  });
  cage.attach({ hello: {}, caughtUp: () => inbox.caughtUp(), send: () => undefined } as never);
  const run = new TaskRun({
    attempt: { organisation: 'o', task: 't', epoch: 1, claw: 'c', key: 'k' },
    cage,
    desk: { settle: async () => undefined, release: () => undefined },
    reasons: { close: async () => undefined },
    onEvent: () => undefined,
    onActed: async () => {
      await acting;
      said.push('acted');
    },
    onEnded: async (outcome: Outcome) => {
      said.push('ended');
      outcomes.push(outcome);
    },
  } as never);
  run.listen(60_000);
  let seq = 0;
  const say = (message: object): void =>
    inbox.accept(++seq, 1, () => ({ taskId: 't', epoch: 1, ...message }) as FromCage);
  return { run, say, said, outcomes };
}
const toolCall = { type: 'event', event: { kind: 'tool_call', id: '1', name: 'shell' } };
const died = new CodedError('cage_died');

describe('the end of an attempt whose cage died', () => {
  it('comes after all that the cage had said, so that it is known whether its agent acted', async () => {
    const store = Promise.withResolvers<void>();
    const { run, say, said } = runWith({ acting: store.promise });
    say(toolCall);
    const lost = run.lost(died);
    await new Promise(setImmediate);
    expect(said).toEqual([]);
    store.resolve();
    await lost;
    expect(said).toEqual(['acted', 'ended']);
  });

  it('comes at once where it had said nothing', async () => {
    const { run, said } = runWith();
    await run.lost(died);
    expect(said).toEqual(['ended']);
  });
});

it('an error that a cage reports is kept, but not more of it than ours ever say', async () => {
  for (const [reason, kept] of [
    ['short', 'short'],
    ['x'.repeat(100_000), 'its details were too long to be kept'],
  ]) {
    const { say, outcomes } = runWith();
    const error = { code: 'agent_failed', message: 'm', details: { reason } };
    say({ type: 'result', state: 'failed', error });
    await expect.poll(() => outcomes[0]?.error?.details).toEqual({ reason: kept });
  }
});
