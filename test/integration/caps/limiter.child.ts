import { Redis } from 'ioredis';
import { Limiter } from '../../../orchestrator/limiter/limiter.ts';
import type { CallRef, Level } from '../../../orchestrator/limiter/permit-request.ts';

// A limiter in a process of its own, as an orchestrator has one: asked by messages, and to be killed.

export type Asked =
  | { readonly verb: 'fence'; readonly organisation: string; readonly task: string; readonly fence: number }
  | { readonly verb: 'caps'; readonly levels: Readonly<Record<string, Level[]>> }
  | (CallRef & {
      readonly verb: 'permit';
      readonly fence: number;
      readonly claw: string;
      readonly tokens: number;
      readonly deadlineMs: number;
    })
  | (CallRef & { readonly verb: 'sent'; readonly agoMs: number })
  | (CallRef & { readonly verb: 'settle'; readonly tokens: number });

export interface Answered {
  readonly id: number;
  readonly sendWithinMs?: number;
  readonly overrunTokens?: number;
  readonly error?: string;
}

const [socket, options] = process.argv.slice(2) as [string, string];
const redis = new Redis(socket, { maxRetriesPerRequest: null });
redis.on('error', () => undefined);
const limiter = new Limiter(redis, JSON.parse(options) as object);
/** Of each Claw, as the rows would say. */
let levels: Readonly<Record<string, Level[]>> = {};

async function answer(asked: Asked): Promise<Omit<Answered, 'id'>> {
  switch (asked.verb) {
    case 'caps':
      levels = asked.levels;
      return {};
    case 'fence':
      await limiter.fence(asked.organisation, asked.task, asked.fence);
      return {};
    case 'permit':
      return limiter.permit({ ...asked, standing: async () => ({ levels: levels[asked.claw]! }) });
    case 'sent':
      return limiter.sent(asked, asked.agoMs);
    case 'settle':
      return limiter.settle(asked, { tokens: asked.tokens });
  }
}

process.on('message', ({ id, asked }: { id: number; asked: Asked }) => {
  answer(asked)
    .then(({ sendWithinMs, overrunTokens }) => process.send!({ id, sendWithinMs, overrunTokens }))
    .catch((error: { code?: string }) => process.send!({ id, error: error.code ?? String(error) }));
});
process.on('disconnect', () => process.exit());
while (!limiter.isReady) await new Promise((resolve) => setTimeout(resolve, 5));
process.send!({ id: 0 });
