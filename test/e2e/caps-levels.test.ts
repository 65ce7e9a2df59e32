import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyFingerprint, monotonicMs, worstWindow, type Call } from '../../provider-sim/books.ts';
import { TestService } from '../support/service.ts';

/** A changed cap is in force so long after the answer to the change; the call that it lets go arrives a moment later. */
const CHANGED_MS = 1000 + 500;
const SECOND_KEY = `sk-${'second'.repeat(8)}`;

let service: TestService;
beforeAll(async () => {
  service = await TestService.start({ CLAWCAGE_MAX_CAGES: '16' });
  service.provider.keys.add(SECOND_KEY);
  await service.addKey('main');
  await service.addKey('second', SECOND_KEY);
});
afterAll(() => service[Symbol.asyncDispose]());

const patch = (path: string, change: object) => service.ask('PATCH', `/api/v1/${path}`, change);
/** Claws are told apart in the books by their model. */
const callsOf = (model: string): Call[] => service.chatCalls().filter((call) => call.model === model);
const inAnyMinute = (calls: readonly Call[]): number => worstWindow(calls, 60_000, () => 1).sum;
const waits = (task: string, reason: string): Promise<void> =>
  service.until(async () => (await service.state(task)).waiting === reason, `${task} to say ${reason}`);
const MANY_CALLS = '@repeat 20 @tool shell {"command":"true"}\n@say done';

/** When the last of so many calls arrived, by the clock of the books. */
async function until(model: string, count: number): Promise<number> {
  await service.until(async () => callsOf(model).length >= count, `${count} calls of ${model}`);
  return callsOf(model)[count - 1]!.arrivedMs;
}

describe('caps of Claws, a key and the organisation', () => {
  it('hold together, name what is waited for, and change while calls wait for them', async () => {
    await service.claw('first', { model: 'gpt-4o', requestsPerMinute: 4 });
    await service.claw('second', { model: 'gpt-4o-mini', requestsPerMinute: 4 });
    await service.claw('third', { model: 'gpt-4.1', key: 'second' });
    await patch('keys/main', { requestsPerMinute: 6 });
    await patch('limits', { requestsPerMinute: 9 });

    const first = await service.submit('first', MANY_CALLS);
    await waits(first, 'permit: claw requests');
    const second = await service.submit('second', MANY_CALLS);
    await waits(second, 'permit: key requests');
    const third = await service.submit('third', MANY_CALLS);
    await waits(third, 'permit: organisation requests');
    expect([callsOf('gpt-4o'), callsOf('gpt-4o-mini'), callsOf('gpt-4.1')].map(inAnyMinute)).toEqual([
      4, 2, 3,
    ]);
    expect(inAnyMinute(ofKey(service.provider.key))).toBe(6);
    expect(inAnyMinute(service.chatCalls())).toBe(9);

    const metrics = await (await fetch(`${service.url}/metrics`)).text();
    expect(metrics).toMatch(/^clawcage_shared_window_requests\{level="organisation",id="\w+"\} 9$/m);
    const key = /^clawcage_shared_cap_requests_per_minute\{level="key",id="(\w+)"\} 6$/m.exec(metrics)?.[1];
    expect(metrics).toContain(`clawcage_shared_window_requests{level="key",id="${key}"} 6\n`);

    // Each change lets go exactly the calls that it makes room for, within a second.
    await patch('limits', { requestsPerMinute: 11 });
    let since = monotonicMs();
    expect((await until('gpt-4.1', 5)) - since).toBeLessThan(CHANGED_MS);
    await patch('limits', { requestsPerMinute: null });
    await patch('keys/second', { requestsPerMinute: 5 });
    await patch('keys/main', { requestsPerMinute: 7 });
    since = monotonicMs();
    expect((await until('gpt-4o-mini', 3)) - since).toBeLessThan(CHANGED_MS);

    // A lowered cap takes nothing back of what counts, and so gives no room.
    await patch('claws/first', { requestsPerMinute: 1 });
    await patch('keys/main', { requestsPerMinute: null });
    await waits(second, 'permit: claw requests');
    await waits(first, 'permit: claw requests');
    expect([callsOf('gpt-4o').length, callsOf('gpt-4o-mini').length]).toEqual([4, 4]);

    // A stopped Claw gets no permit whatever room there is; its task is cancelled.
    await patch('claws/second', { requestsPerMinute: null });
    await until('gpt-4o-mini', 5);
    await service.ask('POST', '/api/v1/claws/second/stop');
    const stoppedMs = monotonicMs();
    expect((await service.result(second)).task.state).toBe('cancelled');
    for (const { arrivedMs } of callsOf('gpt-4o-mini')) expect(arrivedMs).toBeLessThan(stoppedMs + 1000);
    for (const task of [first, third]) await service.ask('POST', `/api/v1/tasks/${task}/cancel`);
    await patch('keys/second', { requestsPerMinute: null });
  });

  it('refuse at once what can never fit, with its bound, the cap and where it is', async () => {
    await service.claw('narrow', { model: 'gpt-4.1-mini' });
    await patch('keys/main', { tokensPerMinute: 40 });
    const { task } = await service.run('narrow', '@say never');
    await patch('keys/main', { tokensPerMinute: null });
    expect(task.error?.code).toBe('limit_never_fits');
    expect(task.error?.details?.reason).toMatch(/may take up to \d+ tokens; the key’s cap is 40 in a minute/);
    expect(callsOf('gpt-4.1-mini')).toEqual([]);
  });
});

describe("the provider's own limit", () => {
  it('closes the key that it was said of until its reset, and no other', async () => {
    await service.claw('limited', { model: 'gpt-5.4', key: 'second' });
    await service.claw('behind', { model: 'gpt-5.4-nano', key: 'second', maxSteps: 200 });
    await service.claw('elsewhere', { model: 'gpt-5.4-mini', maxSteps: 200 });
    const callAfterCall = '@repeat 150 @tool shell {"command":"sleep 0.2"}\n@say done';
    const others = [
      await service.submit('behind', callAfterCall),
      await service.submit('elsewhere', callAfterCall),
    ];
    for (const model of ['gpt-5.4-nano', 'gpt-5.4-mini']) await until(model, 1);
    const limited = await service.submit('limited', '@fail 429 retry-after 6 times 1\n@say got through');
    await waits(others[0]!, 'permit: key provider');
    expect((await service.result(limited)).answer).toBe('got through');
    const [refused] = callsOf('gpt-5.4');
    expect(refused!.status).toBe(429);
    // What was permitted before the provider's word came may still arrive in the first second.
    const whileClosed = (model: string): Call[] =>
      callsOf(model).filter(
        ({ arrivedMs }) => arrivedMs > refused!.endedMs + 1000 && arrivedMs < refused!.endedMs + 5900,
      );
    expect([...whileClosed('gpt-5.4'), ...whileClosed('gpt-5.4-nano')]).toEqual([]);
    expect(whileClosed('gpt-5.4-mini').length).toBeGreaterThan(0);
    await until('gpt-5.4-nano', callsOf('gpt-5.4-nano').length + 1);
    for (const task of others) await service.ask('POST', `/api/v1/tasks/${task}/cancel`);
  });
});

describe('the calls of a Claw that may be under way at once', () => {
  it('are held: the next waits, says so, and goes when one is over', async () => {
    await service.claw('one-by-one', { model: 'gpt-5-mini', callsAtOnce: 1, concurrency: 2, maxSteps: 20 });
    const script = (who: string): string =>
      `${`@note ${who}\n@wait 1s\n@tool shell {"command":"true"}\n`.repeat(15)}@say over`;
    const tasks = [
      await service.submit('one-by-one', script('a')),
      await service.submit('one-by-one', script('b')),
    ];
    await service.until(async () => {
      const states = await Promise.all(tasks.map((task) => service.state(task)));
      return states.some(({ waiting }) => waiting === 'permit: claw calls');
    }, 'one to wait');
    const over = (who: string): Call[] => callsOf('gpt-5-mini').filter(({ note }) => note === who);
    await service.until(async () => over('a').length > 1 && over('b').length > 1, 'two calls of each');
    const calls = callsOf('gpt-5-mini').toSorted((a, b) => a.arrivedMs - b.arrivedMs);
    for (const [at, call] of calls.slice(1).entries())
      expect(call.arrivedMs).toBeGreaterThanOrEqual(calls[at]!.endedMs);
    for (const task of tasks) await service.ask('POST', `/api/v1/tasks/${task}/cancel`);
  });
});

function ofKey(key: string): Call[] {
  return service.chatCalls().filter((call) => call.keyFingerprint === keyFingerprint(key));
}
