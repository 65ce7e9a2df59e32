import { describe, expect, it } from 'vitest';
import { CancelWatch } from '../../../orchestrator/launch/cancel-watch.ts';
import type { PeerNews } from '../../../orchestrator/peers/messages.ts';
import { eventually } from '../../support/eventually.ts';

/** An orchestrator that runs `running`, starts `starting`, and whose rows have a mark for `marked`. */
function watchOf({ everyMs = 60_000, failing = 0 } = {}) {
  const marked = new Set<string>();
  const stopped: string[] = [];
  const here = { running: { stop: () => stopped.push('running') } };
  let tell: (news: PeerNews) => void = () => undefined;
  let looks = 0;
  const watch = new CancelWatch({
    tasks: {
      toBeCancelled: async (holder) => {
        if (++looks <= failing) throw new Error('the store is away');
        return holder === 'orch_1' ? [...marked] : [];
      },
    },
    runs: { get: (task) => here[task as 'running'] as never },
    launcher: {
      end: async (task) => stopped.push(task) > 0,
      isLaunching: (task) => task === 'starting',
    },
    peers: { onNews: (listener) => void (tell = listener) },
    self: () => 'orch_1',
    everyMs,
    log: { warn: () => undefined } as never,
  });
  watch.start();
  const news = (task: string): void => tell({ kind: 'cancel', organisation: 'o', task });
  return { watch, marked, stopped, news, looks: () => looks };
}

describe('what another orchestrator was asked to cancel', () => {
  it('ends at once where it is said, running or starting', async () => {
    const { watch, marked, stopped, news, looks } = watchOf();
    news('elsewhere');
    expect(looks()).toBe(0);
    marked.add('running').add('starting');
    news('running');
    news('starting');
    await eventually(() => expect(new Set(stopped)).toEqual(new Set(['running', 'starting'])));
    await watch.close();
  });

  it('ends by its row where nobody could say so, though the database was away', async () => {
    const { watch, marked, stopped } = watchOf({ everyMs: 5, failing: 2 });
    marked.add('running');
    await eventually(() => expect(stopped).toContain('running'));
    await watch.close();
  });
});
