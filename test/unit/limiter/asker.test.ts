import { describe, expect, it } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { waitingFor } from '../../../orchestrator/limiter/answers.ts';
import { Asker } from '../../../orchestrator/limiter/asker.ts';
import { Keys } from '../../../orchestrator/limiter/keys.ts';
import { DEFAULTS } from '../../../orchestrator/limiter/limiter-options.ts';
import type { Standing } from '../../../orchestrator/limiter/permit-request.ts';
import { refusalOf } from '../../../orchestrator/limiter/refusal-of.ts';

/** One that nothing but the standing keeps from asking. */
const asker = new Asker({} as never);
const ask = (error: Error) => asker.ask({ standing: () => Promise.reject(error) } as never, 1000);

/** One whose Redis grants whatever it is asked. */
const granting = new Asker({
  options: DEFAULTS,
  keys: new Keys('clawcage:test'),
  runner: { run: async () => ['granted', [30_000], [], 0] },
  trust: {
    knowsClock: true,
    opening: { isMarked: () => true },
    argument: () => '',
    timeTold: () => undefined,
    cameLate: () => undefined,
  },
} as never);
const call = {
  organisation: 'o',
  task: 't',
  claw: 'c',
  callId: 'call',
  epoch: 1,
  fence: 1,
  tokens: 1,
  deadlineMs: 0,
};

describe('a call whose caps cannot be read', () => {
  it('holds up no other, however many there are while the database hangs', async () => {
    const never = new Promise<Standing>(() => undefined);
    for (let nth = 0; nth < 200; nth += 1) void granting.ask({ ...call, standing: () => never }, 1000);
    const standing = async (): Promise<Standing> => ({ levels: [{ level: 'claw', id: 'c' }] });
    expect(await granting.ask({ ...call, standing }, 1000)).toMatchObject({ answer: { kind: 'granted' } });
  });

  it('waits where the database is away: it is told why, and in the end refused with that', async () => {
    const away = new CodedError('store_unavailable', { reason: 'no answer in time' });
    const { answer, standing } = await ask(away);
    if (answer.kind === 'granted') expect.unreachable();
    expect([waitingFor(answer), refusalOf(answer), standing]).toEqual([
      'database unavailable',
      away,
      undefined,
    ]);
  });

  it('is refused at once where that is for good', async () => {
    await expect(ask(new CodedError('key_revoked'))).rejects.toMatchObject({ code: 'key_revoked' });
  });
});
