import { setTimeout as delay } from 'node:timers/promises';
import { batchReply, type BatchReply, type BatchView } from '#protocol/api.ts';
import type { Client } from '../client.ts';
import { Failure } from '../failure.ts';
import { gauge } from '../terminal/bars.ts';
import { Spinner } from '../terminal/spinner.ts';
import { widthOf, type Terminal } from '../terminal/terminal.ts';
import { count } from '../terminal/words.ts';

const POLL_MS = { first: 200, most: 2000 } as const;
const LOST_MS = 300_000;
const ENDED = ['succeeded', 'failed', 'cancelled', 'timed_out'] as const;

export const batchPath = (id: string): string => `/api/v1/batches/${encodeURIComponent(id)}`;

/** How many of a batch's tasks have ended. */
export function endedOf({ states }: BatchView): number {
  return ENDED.reduce((sum, state) => sum + (states[state] ?? 0), 0);
}

/** `120 of 200: 117 succeeded, 3 failed, 4 running` */
export function progressOf(batch: BatchView): string {
  const states = Object.entries(batch.states).filter(([, number]) => number > 0);
  const words = states.map(([state, number]) => `${count(number)} ${state.replace('_', ' ')}`).join(', ');
  return `${count(endedOf(batch))} of ${count(batch.total)}${words === '' ? '' : `: ${words}`}`;
}

/** Waits for the end of a batch, through a service that is away for a while. A moving line on a terminal, else a line for each tenth. */
export async function followBatch(
  client: Client,
  id: string,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<BatchReply> {
  const spinner = new Spinner(terminal);
  let [wait, tenth, lostAt]: [number, number, number | undefined] = [POLL_MS.first, 0, undefined];
  try {
    for (;;) {
      try {
        const reply = await client.get(batchPath(id), batchReply, { signal, timeoutMs: 15_000 });
        lostAt = undefined;
        const { batch } = reply;
        const now = Math.floor((endedOf(batch) / Math.max(1, batch.total)) * 10);
        if (batch.done) return reply;
        spinner.show(
          `${gauge(endedOf(batch), batch.total, (widthOf(terminal.stderr) ?? 80) < 60 ? 10 : 20)} ${progressOf(batch)}`,
        );
        if (!terminal.stderr.isTTY && now > tenth) terminal.stderr.write(`${progressOf(batch)}\n`);
        tenth = Math.max(tenth, now);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof Failure) || error.code !== 'server_unreachable') throw error;
        lostAt ??= performance.now();
        if (performance.now() - lostAt > LOST_MS) throw error;
        spinner.show('waiting for the service');
      }
      await delay(wait, undefined, { signal });
      wait = Math.min(wait * 1.5, POLL_MS.most);
    }
  } finally {
    spinner.clear();
  }
}
