import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { setTimeout as pause } from 'node:timers/promises';
import type { Watched } from '../books/facts.ts';
import type { Caller } from './caller.ts';

const AGAIN_MS = 250;

/** Watches a task by Server-Sent Events to its end, and goes on behind the last id that it saw wherever a connection breaks. */
export async function watch(caller: Caller, task: string, untilMs: number, right?: string): Promise<Watched> {
  const ids: number[][] = [[]];
  let ends = 0;
  let seen = '';
  let last: number | undefined;
  while (ends === 0 && performance.now() < untilMs) {
    try {
      const headers = { ...caller.headers, ...(last !== undefined && { 'last-event-id': String(last) }) };
      const signal = AbortSignal.timeout(Math.max(1, Math.round(untilMs - performance.now())));
      const answer = await fetch(`${caller.url}/api/v1/tasks/${task}/events`, { headers, signal });
      if (!answer.ok || !answer.body) throw new Error(`answered ${answer.status}`);
      for await (const { kind, id, data } of messages(answer.body as ReadableStream)) {
        if (kind === 'gap') {
          ids.push([]);
          last = id;
          continue;
        }
        ids.at(-1)!.push(id);
        last = id;
        if (kind === 'text') seen += (JSON.parse(data) as { text: string }).text;
        if (kind === 'ended') ends++;
      }
    } catch {
      // The next connection goes on behind what was seen.
    }
    caller.elsewhere();
    await pause(AGAIN_MS);
  }
  return { ids, ends, ...(right !== undefined && { text: { seen, right } }) };
}

/** The events that have an id; what has none (`caught_up`) is a remark. */
async function* messages(body: ReadableStream): AsyncGenerator<{ kind: string; id: number; data: string }> {
  let [kind, data] = ['', ''];
  let id: number | undefined;
  for await (const line of createInterface(Readable.fromWeb(body))) {
    if (line.startsWith('id: ')) id = Number(line.slice(4));
    else if (line.startsWith('event: ')) kind = line.slice(7);
    else if (line.startsWith('data: ')) data = line.slice(6);
    else if (line === '') {
      if (kind !== '' && id !== undefined) yield { kind, id, data };
      [kind, data, id] = ['', '', undefined];
    }
  }
}
