import { request } from 'node:https';
import { parseArgs } from 'node:util';
import { WebSocket } from 'ws';
import { serverMessage } from '#protocol/live.ts';
import { monotonicMs } from '../provider-sim/books.ts';
import { TestService } from '../test/support/service.ts';
import { median, report } from './report.ts';

/**
 * From the arrival of a call at the provider, which it books by the machine's monotonic clock, until a watcher of the task has the last piece of the streamed
 * answer, against a client that reads the same stream directly. `node bench/stream.ts [--rounds 20]`
 */
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '20' } }, strict: false });
const PROMPT = '@stream 40 tokens at 100/s';

await using service = await TestService.start();
await service.claw('bench', { agent: { tools: [] } });

const direct: number[] = [];
const watched: number[] = [];
for (let round = 0; round <= Number(values.rounds); round++) {
  const [directMs, watchedMs] = [await directly(), await asWatcher()];
  if (round === 0) continue;
  direct.push(directMs);
  watched.push(watchedMs);
}
report([
  {
    what: 'a streamed answer until its last token is seen',
    ours: median(watched),
    unit: 'ms',
    peer: { name: 'read directly', value: median(direct) },
    note: `${(median(watched) - median(direct)).toFixed(1)} ms later`,
  },
]);

/** Since the arrival of the newest call. */
function sinceArrival(atMs: number): number {
  return atMs - service.chatCalls().at(-1)!.arrivedMs;
}

async function directly(): Promise<number> {
  const { provider } = service;
  return new Promise((resolve, reject) => {
    const asked = request(`${provider.url}/chat/completions`, {
      method: 'POST',
      ca: provider.caPem,
      headers: { authorization: `Bearer ${provider.key}`, 'content-type': 'application/json' },
    });
    asked.on('error', reject).on('response', (answer) => {
      let last = 0;
      answer.on('data', (chunk: Buffer) => {
        if (chunk.includes('"content":"')) last = monotonicMs();
      });
      answer.on('end', () => resolve(sinceArrival(last)));
    });
    asked.end(
      JSON.stringify({ model: 'gpt-4o', stream: true, messages: [{ role: 'user', content: PROMPT }] }),
    );
  });
}

async function asWatcher(): Promise<number> {
  const socket = new WebSocket(`${service.url.replace('http', 'ws')}/api/v1/events`, {
    headers: { authorization: `Bearer ${service.token}` },
  });
  await new Promise((resolve) => socket.once('open', resolve));
  const task = await service.submit('bench', PROMPT);
  const last = await new Promise<number>((resolve) => {
    let at = 0;
    socket.on('message', (data) => {
      const message = serverMessage.parse(JSON.parse(String(data)));
      if (message.type !== 'event') return;
      if (message.event.kind === 'text') at = monotonicMs();
      if (message.event.kind === 'ended') resolve(at);
    });
    socket.send(JSON.stringify({ type: 'subscribe', task }));
  });
  socket.close();
  return sinceArrival(last);
}
