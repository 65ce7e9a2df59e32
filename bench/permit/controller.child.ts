import { Redis } from 'ioredis';
import { fenceOf } from '#task/fence.ts';
import { Secret } from '#secret/secret.ts';
import { CageClock } from '../../orchestrator/launch/cage-clock.ts';
import { CallDesk } from '../../orchestrator/launch/call-desk.ts';
import { dialLink } from '../../orchestrator/link/dial-link.ts';
import { Limiter } from '../../orchestrator/limiter/limiter.ts';
import { LEVELS } from '../../orchestrator/limiter/permit-request.ts';
import { Telemetry } from '../../orchestrator/telemetry/telemetry.ts';

// The orchestrator's end of a permit: a link, the desk, and the limiter with caps on all three levels. Told to, it measures bare round trips of the same link.

const { socket, port, capability, secret, cageId } = JSON.parse(process.argv[2]!) as {
  socket: string;
  port: number;
  capability: string;
  secret: string;
  cageId: string;
};
const CAP = 1_000_000_000;
const ORGANISATION = 'o';
const fence = fenceOf(1, 1);
const redis = new Redis(socket, { maxRetriesPerRequest: null });
const limiter = new Limiter(redis);
const levels = LEVELS.map((level) => ({ level, id: level, requestsPerMinute: CAP, tokensPerMinute: CAP }));
let ponged: () => void = () => undefined;

const link = await dialLink({
  gate: { host: '127.0.0.1', port },
  capability: () => capability,
  linkSecret: new Secret(Buffer.from(secret, 'base64')),
  cageId,
  epoch: 1,
  lastSeq: 0,
  onMessage: async (message) => {
    if (message.type === 'pong') ponged();
    if (message.type === 'settle') await desk.settle(message);
    if (message.type === 'permit_request') await desk.permit(message, (answer) => link.send(answer));
  },
});
const clock = new CageClock();
const desk = new CallDesk({
  attempt: { organisation: ORGANISATION, task: 't', epoch: 1, fence, claw: 'claw', key: 'key' },
  limiter,
  clock,
  telemetry: new Telemetry(),
  ledger: { record: async () => undefined },
  log: { warn: (fields: object) => console.error(fields) },
  standing: async () => ({ levels }),
  onWaiting: () => undefined,
});
while (!limiter.isReady) await new Promise((resolve) => setTimeout(resolve, 5));
await limiter.fence(ORGANISATION, 't', fence);

process.on('message', async ({ first, count }: { first: number; count: number }) => {
  const tookMs: number[] = [];
  for (let id = first; id < first + count; id++) {
    const answered = new Promise<void>((resolve) => (ponged = resolve));
    const began = performance.now();
    link.send({ type: 'ping', id });
    await answered;
    tookMs.push(performance.now() - began);
  }
  process.send!(tookMs);
});
process.on('disconnect', () => process.exit());
process.send!('ready');
