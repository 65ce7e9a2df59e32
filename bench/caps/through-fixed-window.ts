import { Agent, request } from 'node:https';
import { createHash } from 'node:crypto';
import type { TestOrchestrators } from '../../test/support/orchestrators.ts';
import { ask } from './demand.ts';
import { FixedWindow } from './fixed-window.ts';
import type { LimitName } from './judge.ts';
import { CLAWS, KEY_CAPS, ORGANISATION_CAPS, WINDOW_MS, type Caps } from './scenario.ts';

/** What its calls are noted as, behind the Claw's name. */
export const FIXED = 'fixed';
export const fingerprintOf = (secret: string): string =>
  createHash('sha256').update(secret).digest('hex').slice(0, 12);

/** The demand of the same Claws, straight at the same provider, behind a limiter that counts minutes of the clock. Takes a minute and its edges. */
export async function throughFixedWindow(
  { redis, provider }: TestOrchestrators,
  secrets: Readonly<Record<string, string>>,
  seed: number,
): Promise<void> {
  const limiter = new FixedWindow(redis.connect(), WINDOW_MS);
  const agent = new Agent({ keepAlive: true, ca: provider.caPem, maxSockets: 64 });
  // Two edges of the clock's minutes: the first fills a minute at its end and the next at its beginning.
  const untilMs = (Math.floor(Date.now() / WINDOW_MS) + 1) * WINDOW_MS + 0.1 * WINDOW_MS;
  const send = (secret: string, body: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
      request(`${provider.url}/chat/completions`, { method: 'POST', agent, headers }, (answer) =>
        answer.resume().on('end', resolve),
      )
        .on('error', reject)
        .end(body);
    });
  await Promise.all(
    CLAWS.map(async (claw, at) => {
      const demand = { ...claw, seed: seed * 10_000 + at * 100, windowMs: WINDOW_MS, untilMs };
      await ask(demand, async ({ tokens }) => {
        const asked = [
          ...counters(claw.name, claw.caps, tokens),
          ...counters(claw.key, KEY_CAPS[claw.key], tokens),
          ...counters('organisation', ORGANISATION_CAPS, tokens),
        ];
        while (!(await limiter.take(asked))) {
          if (Date.now() >= untilMs) return;
          await limiter.next();
        }
        const content = `@note ${claw.name} ${FIXED}\n@stream ${tokens} tokens`;
        const body = { model: 'gpt-4o', max_tokens: tokens, messages: [{ role: 'user', content }] };
        await send(secrets[claw.key]!, JSON.stringify(body));
      });
    }),
  );
  agent.destroy();
}

/** By what the call may produce: a limiter of ten lines knows no more beforehand. */
const counters = (name: string, caps: Caps, tokens: number) =>
  (Object.entries(caps) as [LimitName, number][]).map(([limit, cap]) => ({
    name: `${name}:${limit}`,
    amount: limit === 'tokens' ? tokens : 1,
    cap,
  }));
