import { Socket } from 'node:net';
import { openChannel } from '../../cage-image/meter/channel.ts';

// The meter's end of a permit: asks over the socket pair that a meter has, and tells how long each answer took.

interface Answer {
  readonly type: 'permit';
  readonly callId: string;
  readonly decision: { readonly granted: boolean };
}

const WARDEN_DESCRIPTOR = 3;
let heard: (answer: Answer) => void = () => undefined;
const channel = openChannel(new Socket({ fd: WARDEN_DESCRIPTOR, readable: true, writable: true }), {
  onMessage: (value) => heard(value as Answer),
  onEnd: () => process.exit(),
});
const call = { taskId: 't', operation: 'chat', model: 'gpt-4o' } as const;

process.on('message', async ({ first, count }: { first: number; count: number }) => {
  const tookMs: number[] = [];
  for (let at = first; at < first + count; at++) {
    const callId = `call-${at}`;
    const answered = new Promise<Answer>((resolve) => (heard = resolve));
    const began = performance.now();
    channel.send({ type: 'permit_request', callId, ...call, epoch: 1, tokens: 500, waitMs: 1_000 });
    const { decision } = await answered;
    tookMs.push(performance.now() - began);
    if (!decision.granted) throw new Error('A permit was refused.');
  }
  // Not in between: the next permit would wait for its turn behind it, and no agent asks again that soon.
  for (let at = first; at < first + count; at++)
    channel.send({ type: 'settle', callId: `call-${at}`, ...call, charge: 'none', durationMs: 0 });
  await new Promise((resolve) => setTimeout(resolve, 200));
  process.send!(tookMs);
});
