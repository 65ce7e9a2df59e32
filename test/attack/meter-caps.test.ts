import type Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ClawCreate, ClawView } from '#protocol/api.ts';
import { bridgeAddress } from '../../cli/demo/bridge-address.ts';
import { worstWindow, type Call } from '../../provider-sim/books.ts';
import { stripesPng } from '../../provider-sim/media/png.ts';
import { containerOf } from '../support/nap.ts';
import { TestService } from '../support/service.ts';
import { slowWay, type SlowWay } from '../support/slow-way.ts';

/** How long a permit holds, and a moment more. */
const PERMIT_OVER_MS = 30_000 + 1500;
/** Their cages start all at once. */
const BUSY_MS = 90_000;
vi.setConfig({ testTimeout: 240_000 });

let service: TestService;
let slow: SlowWay;
beforeAll(async () => {
  slow = await slowWay((await bridgeAddress(process.env)) ?? '127.0.0.1', 460_000);
  const slowHost = `host.docker.internal:${slow.port}`;
  // The warden ends a cage whose meter is silent for three pulses: here a stop is to be outlived.
  service = await TestService.start({ CLAWCAGE_PULSE_MS: '60000', CLAWCAGE_GATE_ALLOW_HOSTS: slowHost });
  slow.to = service.provider.port;
  await service.addKey('main');
  await service.ask('POST', '/api/v1/keys', {
    name: 'slow',
    provider: 'openai',
    secret: service.provider.key,
    baseUrl: `https://${slowHost}/v1`,
    ca: service.provider.caPem,
    verify: false,
  });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await slow[Symbol.asyncDispose]();
});

/** A Claw of the test, told apart in the books by its model. */
async function claw(name: string, options: Partial<ClawCreate> & { model: string }) {
  await service.claw(name, { retry: { attempts: 1 }, ...options });
  const { id } = await service.ask<ClawView>('GET', `/api/v1/claws/${name}`);
  const figure = async (metric: string, labels = ''): Promise<number> => {
    const page = await (await fetch(`${service.url}/metrics`)).text();
    const line = page.split('\n').find((text) => text.startsWith(`${metric}{claw="${id}"${labels}`));
    return Number(line?.split(' ').at(-1));
  };
  return {
    submit: (text: string) => service.submit(name, text),
    patch: (change: object) => service.ask('PATCH', `/api/v1/claws/${name}`, change),
    calls: (): Call[] => service.chatCalls().filter((call) => call.model === options.model),
    counted: (): Promise<number> => figure('clawcage_window_tokens'),
    requests: (): Promise<number> => figure('clawcage_window_requests'),
    overrun: (): Promise<number> => figure('clawcage_overrun_tokens_total'),
    granted: (): Promise<number> => figure('clawcage_permits_total', ',decision="granted"'),
  };
}

const cageOf = (task: string) => containerOf(service, task);

/** As the agent can: it runs as the meter's user. */
async function signalMeter(cage: Docker.Container): Promise<(signal: NodeJS.Signals) => void> {
  const { Processes } = (await cage.top({ ps_args: '-eo pid,args' } as object)) as { Processes: string[][] };
  const [pid] = Processes.find(
    ([, ...args]) => !args.join(' ').includes('/tini') && args.join(' ').includes('meter.mjs'),
  )!;
  return (signal) => void process.kill(Number(pid), signal);
}

const waits = (task: string, reason: string): Promise<void> =>
  service.until(
    async () => (await service.state(task)).waiting === reason,
    `${task} to say ${reason}`,
    BUSY_MS,
  );
const resultOf = (task: string) => service.result(task, 2 * BUSY_MS);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const tokensInAnyMinute = (calls: readonly Call[]): number => worstWindow(calls, 60_000).sum;
/** Says 400 tokens in 20 s, of at most 500. */
const LONG = '@stream 400 tokens at 20/s';
const REPLY_TOKENS = 500;

/** A task in the middle of its answer. */
async function streaming(name: string, model: string) {
  const subject = await claw(name, { model, tokensPerMinute: 100_000, maxOutputTokens: REPLY_TOKENS });
  const task = await subject.submit(LONG);
  await service.until(async () => (await subject.counted()) > REPLY_TOKENS, `the permit of ${name}`, BUSY_MS);
  await service.until(async () => (await service.state(task)).state === 'running', `${name} to run`);
  await pause(2000);
  return { ...subject, task, reserved: await subject.counted() };
}

describe.concurrent('what an agent does to its meter', () => {
  it('nothing: a call that fits by the tokens of its text, though not by its bytes, is made', async () => {
    const tight = await claw('tight', { model: 'gpt-5.4', tokensPerMinute: 20_000, maxOutputTokens: 500 });
    const prose = 'A word of English, and another one. '.repeat(700);
    expect((await resultOf(await tight.submit(`@say counted\n${prose}`))).answer).toBe('counted');
    expect(await tight.granted()).toBe(1);
    expect(await tight.overrun()).toBe(0);
  });

  it('a stop between permit and sending, longer than the permit holds: the permit goes back and the call asks again', async () => {
    const late = await claw('late', { model: 'gpt-4o', requestsPerMinute: 1 });
    // Two calls of one task: no cage has to start in the minute of the first.
    const task = await late.submit('@tool shell {"command":"true"}\n@say second');
    await waits(task, 'permit: claw requests');
    const signal = await signalMeter(await cageOf(task));
    signal('SIGSTOP');
    await late.patch({ requestsPerMinute: 2 });
    await service.until(async () => (await late.granted()) === 2, 'the permit that is not read');
    await pause(PERMIT_OVER_MS);
    expect(late.calls()).toHaveLength(1);
    expect(await late.requests()).toBe(2);
    signal('SIGCONT');
    // The third permit stands for the second: what came too late was not used, and counts no longer.
    await service.until(async () => (await late.granted()) === 3, 'another permit');
    expect(await late.requests()).toBe(2);
    expect((await resultOf(task)).answer).toBe('second');
    expect(await late.granted()).toBe(3);
    expect(late.calls()).toHaveLength(2);
    expect(await late.overrun()).toBe(0);
  });

  it('nothing: pictures that take longer than a permit on a slow way arrive, and count without a gap', async () => {
    const picture = stripesPng(600, 400, 'x').toString('base64');
    // Bytes behind its end make a picture heavy, and no larger.
    const script = `
      const url = 'data:image/png;base64,${picture.replace(/=+$/, '')}' + 'A'.repeat(19_000_000);
      const content = [{ type: 'text', text: '@say arrived' }, { type: 'image_url', image_url: { url } }];
      const { OPENAI_BASE_URL: base, OPENAI_API_KEY: key } = process.env;
      const headers = { authorization: 'Bearer ' + key, 'content-type': 'application/json' };
      const body = JSON.stringify({ model: 'gpt-5-mini', messages: [{ role: 'user', content }] });
      const answer = await fetch(base + '/chat/completions', { method: 'POST', headers, body });
      console.log((await answer.json()).choices?.[0].message.content ?? answer.status);`;
    const upload = await claw('upload', {
      model: 'gpt-5-mini',
      key: 'slow',
      tokensPerMinute: 100_000,
      maxOutputTokens: REPLY_TOKENS,
      agent: { command: ['/usr/local/bin/node', '--input-type=module', '-e', script] },
    });
    expect((await resultOf(await upload.submit('upload'))).answer?.trim()).toBe('arrived');
    const [call, ...more] = upload.calls();
    expect(more).toEqual([]);
    expect(call!.endedMs - call!.arrivedMs).toBeGreaterThan(PERMIT_OVER_MS);
    expect(await upload.granted()).toBe(1);
    expect(await upload.overrun()).toBe(0);
    await service.until(async () => (await upload.counted()) === call!.totalTokens, 'its settlement');
  });

  it('a stop in the middle of a stream: the call is settled by what the provider counted', async () => {
    const it = await streaming('stopped', 'gpt-4o-mini');
    const signal = await signalMeter(await cageOf(it.task));
    signal('SIGSTOP');
    await pause(6000);
    expect(await it.counted()).toBe(it.reserved);
    signal('SIGCONT');
    expect((await resultOf(it.task)).task.state).toBe('succeeded');
    await service.until(async () => (await it.counted()) < it.reserved, 'the settlement');
    expect(await it.counted()).toBe(tokensInAnyMinute(it.calls()));
    expect(await it.overrun()).toBe(0);
  });

  it.each([
    [
      'its meter killed',
      'killed',
      'gpt-4.1',
      async (task: string) => (await signalMeter(await cageOf(task)))('SIGKILL'),
    ],
    [
      'its cage removed by hand',
      'removed',
      'gpt-4.1-mini',
      async (task: string) => (await cageOf(task)).remove({ force: true }),
    ],
  ] as const)('a stream that ends with %s stays charged in full', async (_what, name, model, end) => {
    const it = await streaming(name, model);
    await end(it.task);
    expect((await resultOf(it.task)).task.state).toBe('failed');
    await service.until(async () => it.calls().length === 1, 'the provider to have booked what it said');
    const used = tokensInAnyMinute(it.calls());
    expect(used).toBeGreaterThan(0);
    expect(await it.counted()).toBe(it.reserved);
    expect(used).toBeLessThan(it.reserved);
    // And so the next call finds no room beside it.
    await it.patch({ tokensPerMinute: it.reserved + 100 });
    const next = await it.submit('@say next');
    await waits(next, 'permit: claw tokens');
    await service.ask('POST', `/api/v1/tasks/${next}/cancel`);
  });
});
